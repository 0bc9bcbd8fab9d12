"""How the documentation is built: ``make docs``. Nothing here needs a network."""

import sys
from pathlib import Path

import kinfolk

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "kinfolk"
author = "kinfolk developers"
copyright = author
version = release = kinfolk.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "mathml",  # _ext/mathml.py
]
exclude_patterns = ["_ext", "_templates"]
templates_path = ["_templates"]
nitpicky = True  # a role that names what has no page is an error; the default role may name anything
nitpick_ignore_regex = [("py:obj", ".*")]
default_role = "py:obj"  # `name` in a docstring is a link where the name has a page
suppress_warnings = [
    "config.cache",  # functions of the gallery's configuration cannot be pickled, and need not be
    "sphinx_gallery.space_in_filename",  # of the folder that the checkout is in
]

html_theme = "furo"
html_title = f"kinfolk {version}"
html_static_path = ["_static"]
html_css_files = ["kinfolk.css"]
html_copy_source = False
html_math_renderer = "mathml"

myst_enable_extensions = ["attrs_block", "deflist", "dollarmath"]
myst_heading_anchors = 3

# `all` of a room says what is public: an exported name has a page without being written down here
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_context = {"of_kinfolk": kinfolk.__all__}
autodoc_typehints = "none"  # the docstrings say it with shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r".*\.py$",
    "abort_on_example_error": True,
    "min_reported_time": 1_000_000,
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib",),
    "parallel": False,
}
