"""The autoencoder: the Gram form equals the definition, each input kind has its error, sparse equals dense."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from dualnet.nn.sdae import Autoencoder, cross_entropy, dense_squares, gram_squares, reconstruction_error
from dualnet.nn.sparse import SparseMatrix


def rows(seed: int, n: int, inputs: int, *, binary: bool = False) -> csr_array:
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, inputs)) < 0.2) * (1.0 if binary else rng.uniform(0.1, 1, (n, inputs)))
    return csr_array(dense)


def decoder(seed: int, n: int, inputs: int, width: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((n, width), (inputs, width), (inputs,))
    return [torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


@given(seed=st.integers(0, 99), n=st.integers(1, 9), inputs=st.integers(1, 30), width=st.integers(1, 12))
def test_gram_form_equals_the_definition_in_value_and_gradient(seed, n, inputs, width):
    matrix = rows(seed, n, inputs)
    results = []
    for function, target in (
        (gram_squares, SparseMatrix(matrix, torch.float64)),
        (dense_squares, torch.from_numpy(matrix.toarray())),
    ):
        parts = decoder(seed, n, inputs, width)
        error = function(*parts, target)
        (3 * error).backward()
        results.append([error.detach(), *(part.grad for part in parts)])
    for gram, dense in zip(*results, strict=True):
        torch.testing.assert_close(gram, dense, rtol=1e-9, atol=1e-9)


def test_gram_gradient_by_differences():
    target = SparseMatrix(rows(0, 4, 6), torch.float64)
    parts = decoder(1, 4, 6, 3)
    assert torch.autograd.gradcheck(lambda *p: gram_squares(*p, target), parts)


def test_cross_entropy_is_that_of_probabilities():
    matrix = rows(2, 5, 7, binary=True).toarray()
    parts = decoder(2, 5, 7, 3)
    hidden, weight, bias = (part.detach().numpy() for part in parts)
    p = 1 / (1 + np.exp(-(hidden @ weight.T + bias)))
    expected = -(matrix * np.log(p) + (1 - matrix) * np.log(1 - p)).sum()
    assert cross_entropy(*parts, torch.from_numpy(matrix)).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["squares", "cross-entropy"])
@pytest.mark.parametrize("width", [3, 12], ids=["fewer units than rows", "more units than rows"])
def test_sparse_rows_have_the_error_of_dense_rows(kind, width):
    matrix = rows(3, 8, 20, binary=True)
    parts = decoder(3, 8, 20, width)
    sparse = reconstruction_error(kind, *parts, SparseMatrix(matrix, torch.float64))
    dense = reconstruction_error(kind, *parts, torch.from_numpy(matrix.toarray()))
    torch.testing.assert_close(sparse, dense)


def make(*, dropout: float = 0.0, top: str = "identity") -> Autoencoder:
    generator = torch.Generator().manual_seed(0)
    network = Autoencoder(9, (6, 4, 2), activation="tanh", top=top, dropout_rate=dropout, kind="squares", generator=generator)
    with torch.no_grad():
        for part in (*network.decoders, *network.decoder_biases, *network.biases):
            part.normal_(generator=generator)
    return network


def test_the_network_is_its_layers_there_and_back():
    network = make().double()
    x = rows(4, 5, 9).toarray()
    w, b, d, c = (
        [p.detach().numpy() for p in part]
        for part in (network.weights, network.biases, network.decoders, network.decoder_biases)
    )
    code = np.tanh(np.tanh(x @ w[0] + b[0]) @ w[1] + b[1]) @ w[2] + b[2]
    back = np.tanh(np.tanh(code @ d[2].T + c[2]) @ d[1].T + c[1]) @ d[0].T + c[0]
    found = network.encode(SparseMatrix(csr_array(x), torch.float64))
    np.testing.assert_allclose(found.detach(), code)
    assert network.code_error(found, torch.from_numpy(x)).item() == pytest.approx(((x - back) ** 2).sum())
    hidden = np.tanh(x @ w[0] + b[0])
    restored = np.tanh(np.tanh(hidden @ w[1] + b[1]) @ d[1].T + c[1])
    error = network.layer_error(1, torch.from_numpy(hidden), torch.from_numpy(hidden))
    assert error.item() == pytest.approx(((hidden - restored) ** 2).sum())


def test_dropout_needs_a_generator_and_top_may_be_bounded():
    network, x = make(dropout=0.5, top="tanh"), torch.from_numpy(rows(5, 40, 9).toarray()).float()
    clean = network.encode(x)
    assert torch.equal(clean, network.encode(x))
    assert clean.abs().max() <= 1
    assert not torch.equal(clean, network.encode(x, torch.Generator().manual_seed(0)))


def test_upper_layers_read_dense_rows_only():
    with pytest.raises(TypeError, match="only the first layer reads sparse rows"):
        make().layer_error(1, torch.zeros(2, 6), SparseMatrix(rows(0, 2, 6)))
