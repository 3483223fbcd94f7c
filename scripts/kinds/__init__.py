"""Kinds of uploads for check-uploads: one module for each metric, with a table KINDS of functions that take a photo (BGR) and a
random generator, and give the upload's bytes and the true magnitude. A table REASONS has the code of the reason that a kind should get,
where that is not simply any of the module's own metric."""
