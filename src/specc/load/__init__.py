"""From texts to data: the project file and discovery, YAML with spans, binding data to the models of kinds."""
