"""The modality image: everything that is known about pictures as a model's input."""
