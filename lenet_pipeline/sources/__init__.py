"""Where digits come from: MNIST, scikit-learn's optdigits, and pictures on disk."""
