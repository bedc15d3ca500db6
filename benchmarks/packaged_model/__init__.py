"""Build the model that ships with the package, with its training, figures and card."""
