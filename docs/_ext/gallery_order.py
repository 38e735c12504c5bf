"""The order of the gallery."""


def run_here_first(name):
    """Examples that the gallery runs come before those that need other packages or data."""
    return not name.startswith("plot_"), name
