"""Fusion of predictions that were made elsewhere: files of logits in, the analysis' own weights and statistics out."""
