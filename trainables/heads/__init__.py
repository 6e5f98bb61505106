"""Heads on frozen features: what rung zero fits before anything is fine-tuned. numpy, scipy and scikit-learn alone."""
