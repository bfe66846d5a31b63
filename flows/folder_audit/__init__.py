"""`ephyra audit DIR`: what is wrong with an ImageFolder, without project and network."""
