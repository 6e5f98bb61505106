"""What a study's data hold, sample by sample, so that they are known again wherever they lie."""
