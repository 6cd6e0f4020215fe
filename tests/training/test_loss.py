"""The terms of the objective: where the words move to, and whose gradients are left in the model."""

import copy

import pytest
import torch
from objective_terms import DROPOUT, LENGTHS, assert_close, gradients, labels, model_of, terms, texts
from sentrec_plugins.side_by_side import read_side_by_side
from sentrec_plugins.swem import SWEM
from torch import Tensor, nn
from torch.nn import functional

from sentrec.encoder import Encoder, EncoderConfig
from sentrec.models.classifier import TextClassifier
from sentrec.models.device import has_bfloat16
from sentrec.models.embeddings import TokenEmbedding
from sentrec.training import loss as objective_module
from sentrec.training.loss import Texts


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Every move that is made, in turn."""
    made: list[Tensor] = []
    whole = objective_module._of_length

    def note(gradient: Tensor, mask: Tensor, radius: Tensor) -> Tensor:
        made.append(whole(gradient, mask, radius))
        return made[-1]

    monkeypatch.setattr(objective_module, "_of_length", note)
    return made


@pytest.mark.parametrize("encoder", ["bilstm", "textcnn", "swem"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_further_terms_it_is_cross_entropy_to_the_last_bit(encoder: str, dtype: torch.dtype) -> None:
    if dtype == torch.bfloat16 and not has_bfloat16(torch.device("cpu")):
        pytest.skip("the processor has no bfloat16")
    model, batch = model_of(encoder, **DROPOUT), texts(labels())
    loss = torch.zeros(())

    def direct() -> None:
        nonlocal loss
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logits = model(batch.token_ids, batch.mask)
        loss = functional.cross_entropy(logits, labels(), label_smoothing=0.1)
        loss.backward()

    ours = gradients(model, lambda: terms(dtype, smoothing=0.1).backward(model, batch))
    theirs = gradients(model, direct)
    assert ours.keys() == theirs.keys() == dict(model.named_parameters()).keys()
    assert all(torch.equal(ours[name], gradient) for name, gradient in theirs.items())
    torch.manual_seed(1)
    told = terms(dtype, smoothing=0.1).backward(model, batch)
    assert torch.equal(told, loss.detach())
    assert not told.requires_grad


def per_text_loss(model: TextClassifier, embedded: Tensor, mask: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(model.classify(embedded, mask), targets, reduction="none")


@pytest.mark.parametrize("encoder", ["bilstm", "textcnn", "swem"])
def test_the_adversarial_move_goes_up_each_texts_own_loss(encoder: str, moves: list[Tensor]) -> None:
    model, batch = model_of(encoder, 3), texts(labels(3), padding=3)
    terms(at=1.0, radius=0.5).backward(model, batch)
    (move,) = moves
    spread = model.word_vectors.detach().square().mean().sqrt()
    torch.testing.assert_close(move.flatten(1).norm(dim=1), (0.5 * spread).expand(len(LENGTHS)))
    assert not move[~batch.mask].any()
    embedded, mask = model.embed(batch.token_ids, batch.mask)
    words = embedded.detach().requires_grad_()
    loss = per_text_loss(model, words, mask, labels(3))
    for row in range(len(LENGTHS)):
        (own,) = torch.autograd.grad(loss[row], words, retain_graph=True)
        alike = functional.cosine_similarity(own[row].flatten(), move[row].flatten(), dim=0)
        assert alike == pytest.approx(1.0, abs=1e-5)
    assert (per_text_loss(model, words + move, mask, labels(3)) > loss).all()
    assert (per_text_loss(model, words - move, mask, labels(3)) < loss).all()


@pytest.mark.parametrize("encoder", ["bilstm", "textcnn", "swem"])
def test_a_move_does_not_depend_on_padding_and_the_other_texts(encoder: str, moves: list[Tensor]) -> None:
    model, batch = model_of(encoder), texts(labels(), padding=4)
    terms(at=1.0).backward(model, batch)
    for row, length in enumerate(LENGTHS):
        alone = Texts(batch.token_ids[row : row + 1, :length], batch.mask[row : row + 1, :length], labels()[row][None])
        terms(at=1.0).backward(model, alone)
        torch.testing.assert_close(moves[-1][0], moves[0][row, :length], rtol=1e-4, atol=1e-5)
    assert len(moves) == 1 + len(LENGTHS)


class Neighbours(Encoder):
    """Reads each token with its neighbours, and takes the zeros of padding for one."""

    def __init__(self, config: EncoderConfig, input_size: int) -> None:
        super().__init__(config, input_size)
        self.convolution = nn.Conv1d(input_size, 4, 3, padding=1)
        self.output_size = 4

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        found = self.convolution(embedded.transpose(1, 2)).tanh()
        return (found * mask.unsqueeze(1)).sum(dim=2)


def test_padding_stays_even_where_an_encoder_reads_it(moves: list[Tensor]) -> None:
    torch.manual_seed(2)
    model = TextClassifier(TokenEmbedding(30, 8, 0.0, 0.0), Neighbours(EncoderConfig(), 8), 2, 0.0)
    batch = texts(labels(), padding=2)
    words = model.embed(batch.token_ids, batch.mask)[0].detach().requires_grad_()
    functional.cross_entropy(model.classify(words, batch.mask), labels()).backward()
    assert words.grad is not None
    assert words.grad[~batch.mask].any()  # the encoder would ask to move it
    terms(at=1.0, vat=1.0).backward(model, batch)
    assert len(moves) == 2
    assert not any(move[~batch.mask].any() for move in moves)
    # Of a text that fills its row and one that does not, both moves have the same length.
    for move in moves:
        torch.testing.assert_close(move.flatten(1).norm(dim=1), move[0].norm().expand(len(LENGTHS)))


def test_a_text_that_nothing_can_hurt_stays(moves: list[Tensor]) -> None:
    model = model_of("swem")
    with torch.no_grad():
        model.head.weight.zero_()  # the answer is the same whatever the words
    found = gradients(model, lambda: terms(at=1.0, vat=1.0).backward(model, texts(labels())))
    assert len(moves) == 2
    assert not any(move.any() for move in moves)
    assert all(gradient.isfinite().all() for gradient in found.values())


@pytest.mark.parametrize("encoder", ["bilstm", "swem"])
def test_two_classes_are_told_apart_along_the_margins_gradient(encoder: str, moves: list[Tensor]) -> None:
    model, batch = model_of(encoder), texts(None)
    embedded, mask = model.embed(batch.token_ids, batch.mask)
    words = embedded.detach().requires_grad_()
    logits = model.classify(words, mask)
    (margin,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), words)
    signs = set()
    for seed in range(4):
        torch.manual_seed(seed)
        terms(vat=1.0).backward(model, texts(labels()))
        alike = functional.cosine_similarity(margin.flatten(1), moves[-1].flatten(1))
        torch.testing.assert_close(alike.abs(), torch.ones(len(LENGTHS)), rtol=0, atol=1e-4)
        signs |= set(alike.sign().tolist())
    assert signs == {-1.0, 1.0}


def divergence(model: TextClassifier, words: Tensor, mask: Tensor, move: Tensor) -> Tensor:
    before, after = (model.classify(words + by, mask).log_softmax(dim=1) for by in (torch.zeros_like(move), move))
    return functional.kl_div(after, before, log_target=True, reduction="none").sum(dim=1)


@pytest.mark.parametrize("classes", [3, 4])
def test_more_classes_diverge_far_more_than_under_random_moves(classes: int, moves: list[Tensor]) -> None:
    model, batch = model_of("bilstm", classes), texts(labels(classes))
    words, mask = (tensor.detach() for tensor in model.embed(batch.token_ids, batch.mask))
    told, drawn = [], []
    for seed in range(20):
        torch.manual_seed(seed)
        terms(vat=1.0, radius=0.2).backward(model, batch)
        told.append(divergence(model, words, mask, moves[-1]).mean())
        noise = torch.randn_like(words).masked_fill(~mask.unsqueeze(-1), 0.0)
        noise *= (moves[-1].flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)).view(-1, 1, 1)
        drawn.append(divergence(model, words, mask, noise).mean())
    assert torch.stack(told).mean() > 4 * torch.stack(drawn).mean() > 0


def entropy_of(logits: Tensor) -> Tensor:
    return torch.distributions.Categorical(logits=logits).entropy().mean()


@pytest.mark.parametrize("encoder", ["bilstm", "swem"])
def test_entropy_and_distillation_are_their_formulas(encoder: str) -> None:
    model, labelled = model_of(encoder, 3), texts(labels(3))
    told = torch.rand(3, 3, generator=torch.Generator().manual_seed(5)).softmax(dim=1)
    unlabelled = texts(told, lengths=(3, 6, 4))
    ours = terms(entropy=0.7, distil=0.4, teacher="wide", smoothing=0.2)

    def direct() -> None:
        logits, others = (model(part.token_ids, part.mask) for part in (labelled, unlabelled))
        likely = logits.log_softmax(dim=1)
        aims = 0.8 * functional.one_hot(labels(3), 3) + 0.2 / 3  # smoothing is for class numbers alone
        loss = -(aims * likely).sum(dim=1).mean() - 0.4 * (told * others.log_softmax(dim=1)).sum(dim=1).mean()
        (loss + 0.7 * entropy_of(logits) + 0.7 * entropy_of(others)).backward()

    found = gradients(model, lambda: ours.backward(model, labelled, unlabelled))
    assert_close(found, gradients(model, direct))


def test_the_weight_of_the_entropy_grows_while_training_goes_on() -> None:
    model, batch = model_of("swem"), texts(labels())
    without = gradients(model, lambda: terms().backward(model, batch))["head.weight"]

    def pull(done: float) -> Tensor:
        return gradients(model, lambda: terms(entropy=2.0).backward(model, batch, batch, done))["head.weight"] - without

    for done, share in ((0.0, 0.0067), (0.5, 0.2865), (1.0, 1.0)):
        torch.testing.assert_close(pull(done), share * pull(1.0), rtol=1e-2, atol=1e-6)
    others = terms(at=1.0, vat=1.0)  # of which the truth, or a likely one, is known: nothing to wait for
    begun, ended = (gradients(model, lambda d=d: others.backward(model, batch, batch, d)) for d in (0.0, 1.0))
    assert all(torch.equal(begun[name], gradient) for name, gradient in ended.items())


@pytest.mark.parametrize("encoder", ["bilstm", "textcnn", "swem"])
def test_all_passes_together_are_one_sum(encoder: str, moves: list[Tensor]) -> None:
    model, labelled = model_of(encoder, 3), texts(labels(3))
    unlabelled = texts(torch.full((3, 3), 1 / 3), lengths=(3, 6, 4))
    config = {"at": 0.5, "vat": 0.8, "entropy": 0.3, "distil": 0.6, "teacher": "wide", "radius": 2.0}
    found = gradients(model, lambda: terms(smoothing=0.1, **config).backward(model, labelled, unlabelled))
    worst, telling, other_telling = moves

    def direct() -> None:
        loss = torch.zeros(())
        for part, by in ((labelled, telling), (unlabelled, other_telling)):
            embedded, mask = model.embed(part.token_ids, part.mask)  # one graph, down to the word vectors
            logits = model.classify(embedded, mask)
            moved = model.classify(embedded + by, mask)
            loss = loss + 0.8 * functional.cross_entropy(moved, logits.detach().softmax(dim=1))
            loss = loss + 0.3 * entropy_of(logits)
            if part is labelled:
                loss = loss + functional.cross_entropy(logits, labels(3), label_smoothing=0.1)
                hurt = model.classify(embedded + worst, mask)
                loss = loss + 0.5 * functional.cross_entropy(hurt, labels(3), label_smoothing=0.1)
            else:
                loss = loss + 0.6 * functional.cross_entropy(logits, torch.full((3, 3), 1 / 3))
        loss.backward()

    expected = gradients(model, direct)
    assert_close(found, expected, tolerance=2e-6)
    assert expected["embedding.table.weight"].any()


def test_frozen_word_vectors_are_moved_and_get_no_gradient(moves: list[Tensor]) -> None:
    model, batch = model_of("swem"), texts(labels())
    thawed = gradients(model, lambda: terms(at=1.0, vat=1.0).backward(model, batch))
    model.word_vectors.requires_grad_(False)
    frozen = gradients(model, lambda: terms(at=1.0, vat=1.0).backward(model, batch))
    assert thawed.keys() - frozen.keys() == {"embedding.table.weight"}
    assert_close(frozen, {name: thawed[name] for name in frozen})
    assert len(moves) == 4
    torch.testing.assert_close(moves[:2], moves[2:])


def test_dropout_of_words_is_drawn_once_for_all_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, read = model_of("swem", **DROPOUT), []
    forward = SWEM.forward

    def note(self: SWEM, embedded: Tensor, mask: Tensor) -> Tensor:
        read.append(embedded.detach().clone())
        return forward(self, embedded, mask)

    monkeypatch.setattr(SWEM, "forward", note)
    terms(at=1.0, vat=1.0, radius=1e-6).backward(model, texts(labels()))
    assert len(read) == 3
    assert all(torch.allclose(one, read[0], atol=1e-4) for one in read)


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_networks_side_by_side_may_be_gone_through_again(cell: type[nn.LSTM] | type[nn.GRU]) -> None:
    torch.manual_seed(3)
    networks = (cell(6, 5, batch_first=True), cell(6, 5, batch_first=True))
    sequences = (torch.randn(4, 9, 6, requires_grad=True), torch.randn(4, 9, 6, requires_grad=True))
    wanted = [*sequences, *networks[0].parameters(), *networks[1].parameters()]

    def passes(states: tuple[Tensor, Tensor]) -> list[Tensor]:
        first, second = states[0].square().sum(), states[1].sin().sum() + states[0].sum()
        found = list(torch.autograd.grad(first, sequences[:1], retain_graph=True))
        found += torch.autograd.grad(second, wanted, retain_graph=True)
        return found + list(torch.autograd.grad(first + second, wanted))

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = passes(read_side_by_side(networks, sequences))
        apart = passes((networks[0](sequences[0])[0], networks[1](sequences[1])[0]))
    finally:
        torch.set_num_threads(threads)
    assert len(together) == len(apart)
    assert all(torch.equal(first, second) for first, second in zip(together, apart, strict=True))


def test_all_terms_are_the_same_with_the_networks_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    model, labelled = model_of("bilstm", 3, **DROPOUT), texts(labels(3))
    unlabelled = texts(torch.full((3, 3), 1 / 3), lengths=(3, 6, 4))
    ours = terms(at=1.0, vat=1.0, entropy=0.5, distil=0.5, teacher="wide")
    other = copy.deepcopy(model)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = gradients(model, lambda: ours.backward(model, labelled, unlabelled))
        monkeypatch.setattr(
            "sentrec_plugins.recurrent.read_side_by_side",
            lambda networks, sequences: (networks[0](sequences[0])[0], networks[1](sequences[1])[0]),
        )
        apart = gradients(other, lambda: ours.backward(other, labelled, unlabelled))
    finally:
        torch.set_num_threads(threads)
    assert_close(together, apart)
