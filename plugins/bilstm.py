"""The BiLSTM encoder (Hochreiter and Schmidhuber 1997; Graves and Schmidhuber 2005)."""

from torch import nn

from sentrec import RegisterEncoder, hookimpl

from .recurrent import RecurrentEncoder


class BiLSTM(RecurrentEncoder):
    """Bidirectional LSTM with pooling over time: as accurate as the GRU, and faster on processors."""

    network = nn.LSTM


@hookimpl
def sentrec_register_encoders(register: RegisterEncoder) -> None:
    """Registers the encoder as ``bilstm``."""
    register("bilstm", BiLSTM)
