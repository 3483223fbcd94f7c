"""Kinds of uploads for check-uploads: one module for each metric, with a table KINDS of functions that take a photo (BGR) and a
random generator, and give the upload's bytes and the true magnitude."""
