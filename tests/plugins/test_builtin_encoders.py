"""The built-in encoders keep the contract, in every mode they offer."""

from typing import ClassVar

from sentrec_plugins.bilstm import BiLSTM
from sentrec_plugins.gru import GRU
from sentrec_plugins.textcnn import TextCNN

from sentrec.testing import EncoderConformance


class TestBiLSTM(EncoderConformance):
    encoder = BiLSTM
    config: ClassVar = {"hidden": 8}


class TestStackedBiLSTM(EncoderConformance):
    encoder = BiLSTM
    config: ClassVar = {"hidden": 8, "layers": 3, "dropout": 0.1}


class TestBiLSTMWithMeanPooling(EncoderConformance):
    encoder = BiLSTM
    config: ClassVar = {"hidden": 8, "pooling": "mean"}


class TestBiLSTMWithMaxPooling(EncoderConformance):
    encoder = BiLSTM
    config: ClassVar = {"hidden": 8, "pooling": "max"}


class TestBiLSTMWithLastState(EncoderConformance):
    encoder = BiLSTM
    config: ClassVar = {"hidden": 8, "pooling": "last"}


class TestGRU(EncoderConformance):
    encoder = GRU
    config: ClassVar = {"hidden": 8}


class TestStackedGRU(EncoderConformance):
    encoder = GRU
    config: ClassVar = {"hidden": 8, "layers": 2, "pooling": "last"}


class TestTextCNN(EncoderConformance):
    encoder = TextCNN
    config: ClassVar = {"filters": 8}


class TestTextCNNOfOneWideKernel(EncoderConformance):
    encoder = TextCNN
    config: ClassVar = {"filters": 16, "kernel_sizes": [20]}
