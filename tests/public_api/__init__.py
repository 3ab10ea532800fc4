"""The public names and signatures, compared with those of the latest release."""
