"""How the built-in metrics are computed. They load numpy, and are themselves loaded when a figure is asked for."""
