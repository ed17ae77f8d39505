from __future__ import annotations

import pickle
from dataclasses import fields
from inspect import signature
from pathlib import Path

import imgnet
from imgnet.request.encode_options import EncodeOptions


def test_the_options_are_the_keywords_of_encode_with_their_defaults() -> None:
    keywords = dict(signature(imgnet.encode).parameters)
    del keywords["image"]
    expected = {name: parameter.default for name, parameter in keywords.items()}
    assert {field.name: field.default for field in fields(EncodeOptions)} == expected


def test_options_travel_to_other_processes() -> None:
    options = EncodeOptions(model="mlp", mask=Path("mask.png"), effort=2)
    assert pickle.loads(pickle.dumps(options)) == options
