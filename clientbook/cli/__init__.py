"""The command line: a front door to `Book`. Data go to stdout, narration to stderr."""
