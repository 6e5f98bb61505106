"""The modality text: everything that is known about texts as a model's input."""
