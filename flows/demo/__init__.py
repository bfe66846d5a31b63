"""The made-up bay: photographs, a labelled set, a gallery on the web, a backbone; all drawn."""
