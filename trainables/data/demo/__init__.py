"""The embedded data set: drawings of household things, photographed in four bins."""
