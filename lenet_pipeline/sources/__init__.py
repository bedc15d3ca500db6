"""Where digits come from: MNIST, scikit-learn's optdigits, pictures on disk, and fonts."""
