"""The tables of the project file: what each key may say, with what it means."""
