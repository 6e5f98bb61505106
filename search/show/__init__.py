"""What a person sees of a study: its status, the views of one that runs, a trial's whole story."""
