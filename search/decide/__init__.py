"""What a study does next: which trial, stop it or go on, try it again."""
