"""What vulture takes for dead and isn't, each with who uses it. Vulture reads this file; nothing runs it."""

from __future__ import annotations

from typing import Any

_: Any = None

# Ray Tune calls or passes these by name
_.default_resource_request  # Trainable
_.reset_config  # Trainable
_.save_checkpoint  # Trainable
_.load_checkpoint  # Trainable
_.checkpoint_dir  # Trainable's argument
_.suggest  # Searcher
_.on_trial_complete  # Searcher, TrialScheduler
_.on_trial_result  # TrialScheduler, Callback
_.on_step_begin  # Callback
_.on_trial_error  # Callback
_.tune_controller  # TrialScheduler's argument
_.iteration  # Callback's argument
_.stop_all  # Stopper

# Optuna's samplers ask their storage
_.get_all_trials
_.study_id
_.set_trial_system_attr

# urllib reads it
_.max_redirections

# torch reads this switch
_.deterministic

# pydantic reads the class, users write the key
_.model_config
_.checkpoint_every  # the worker reads it from the dumped config

# Typer and pydantic read it off what is made by a function
_.__doc__

# A dataclass that is written whole: `dataclasses.asdict`
_.train_loss
_.train_accuracy
_.val_macro_f1
_.epoch_seconds
_.samples_per_second

# The report's templates, the data page's
_.pictured
_.more_classes
_.largest_share
_.shortcuts
_.light_uri
_.dark_uri
_.tiles
_.aimed
_.mean_size
_.system_right
_.empty_sets_note
_.leads
_.true_class
_.remarks
_.thumbnails
_.shown_words
_.how_fused
_.epochs_run

# MLflow calls them
_.load_context  # PythonModel

# Settings of Pillow
_.MAX_TEXT_MEMORY
_.DEFAULT_MAX_THREADS

# Settings of jinja2, ruamel.yaml, rich and tokenizers
_.trim_blocks
_.lstrip_blocks
_.globals
_.Representer
_.default_flow_style
_.sort_base_mapping_type_on_output
_.no_wrap
_.overflow
_.post_processor

# Notebooks and programs call them; the package's own attributes are looked up by Python
_.__getattr__
_._repr_html_
_.from_yaml

# Who loads a bundle from outside, and onnxruntime
_.intra_op_num_threads  # SessionOptions
_.log_severity_level  # likewise
