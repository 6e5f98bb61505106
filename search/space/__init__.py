"""What a study searches: dimensions, the conditions between them, and their form in Optuna."""
