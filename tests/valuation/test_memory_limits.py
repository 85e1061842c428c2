"""How much is done at once, what happens when memory runs out, and pieces of the P&L."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.errors import JaxRuntimeError
from kinds import RULEBOOKS, book, market, shocks

import jaxmargin.valuation._accounts as accounts_module
import jaxmargin.valuation._contracts as contracts_module
import jaxmargin.valuation._execution as execution_module
from jaxmargin.book import DenseBlock, build_positions
from jaxmargin.valuation import contract_pnl, revalue, stream_accounts, stream_pnl


def least(pnl):
    return pnl.min(axis=-1)


def test_chunks_fit_in_the_memory_that_is_free(monkeypatch):
    whole = execution_module.chunk_rows(1_024, 4, 1)
    assert 8 <= whole <= 512
    monkeypatch.setattr(execution_module, "free_bytes", lambda: 16 * 100 * 1_024 * 4)
    assert execution_module.chunk_rows(1_024, 4, 1) == 64
    assert execution_module.chunk_rows(1_024, 4, 4) == 16  # host devices share the memory
    monkeypatch.setattr(execution_module, "free_bytes", lambda: 1)
    assert execution_module.chunk_rows(1_024, 4, 1) == 1
    monkeypatch.setattr(execution_module, "free_bytes", lambda: None)
    assert execution_module.chunk_rows(1_024, 4, 1) == whole
    assert execution_module.ample_chunk_rows(1_024, 4) == whole


def test_free_memory_is_known_here_and_below_what_the_machine_has():
    free = execution_module.free_bytes()
    assert free is None or 10**6 < free < 10**14


def test_a_limit_of_the_container_counts(monkeypatch):
    monkeypatch.setattr(execution_module, "_available", lambda: 10**9)
    monkeypatch.setattr(execution_module, "_left_in_container", lambda: 10**6)
    assert execution_module.free_bytes() == 10**6
    monkeypatch.setattr(execution_module, "_left_in_container", lambda: None)
    assert execution_module.free_bytes() == 10**9


@pytest.mark.parametrize(
    ("names", "idle"),
    [
        (("memory.max", "memory.current", "memory.stat"), "inactive_file"),
        (
            (
                "memory/memory.limit_in_bytes",
                "memory/memory.usage_in_bytes",
                "memory/memory.stat",
            ),
            "total_inactive_file",
        ),
    ],
)
def test_files_kept_in_memory_do_not_count_as_used(tmp_path, names, idle):
    (tmp_path / "memory").mkdir()
    for name, text in zip(names, ("1000\n", "700\n", f"anon 5\n{idle} 200\n"), strict=True):
        (tmp_path / name).write_text(text)
    assert execution_module._left_in_container(tmp_path) == 500
    (tmp_path / names[0]).write_text("max\n")
    assert execution_module._left_in_container(tmp_path) is None
    assert execution_module._left_in_container(tmp_path / "nothing") is None


def runs_out_above(rows, monkeypatch, text="RESOURCE_EXHAUSTED: Out of memory allocating"):
    """Let the account stage fail as XLA does when a chunk has more than `rows` accounts."""
    work = accounts_module._on_block

    def limited(*arguments):
        if arguments[3] > rows:
            raise JaxRuntimeError(text)
        return work(*arguments)

    monkeypatch.setattr(accounts_module, "_on_block", limited)


def test_chunks_are_halved_when_memory_runs_out_and_the_result_says_so(monkeypatch):
    expected = RULEBOOKS[0].requirement(book(), market())
    runs_out_above(100, monkeypatch)
    result = RULEBOOKS[0].requirement(book(), market())
    assert expected.execution.retries == 0
    assert result.execution.retries >= 1 and result.execution.chunk_rows <= 100
    halved = expected.execution.chunk_rows // 2**result.execution.retries
    assert result.execution.chunk_rows == halved
    np.testing.assert_allclose(result.initial, expected.initial, rtol=1e-12)


def test_memory_that_runs_out_again_and_again_is_an_error_with_a_cure(monkeypatch):
    runs_out_above(0, monkeypatch)
    with pytest.raises(MemoryError, match=r"accounts x \d+ scenarios at once. Give fewer scen"):
        RULEBOOKS[0].requirement(book(), market())


def test_memory_that_runs_out_elsewhere_is_the_same_error(monkeypatch):
    def never(*_):
        raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating")

    monkeypatch.setattr(accounts_module, "on_every_device", never)
    with pytest.raises(MemoryError, match=r"Memory ran out\. Give fewer scenarios or contracts"):
        RULEBOOKS[0].requirement(book(), market())


def test_other_failures_are_not_taken_for_a_lack_of_memory(monkeypatch):
    runs_out_above(0, monkeypatch, text="INTERNAL: something else")
    with pytest.raises(JaxRuntimeError, match="something else"):
        RULEBOOKS[0].requirement(book(), market())


def test_contracts_are_priced_in_halves_when_memory_runs_out(monkeypatch):
    expected = contract_pnl(book(), market(), shocks())
    for name in ("option_pnl", "pnl_by_value"):
        whole = getattr(contracts_module, name)

        def limited(batch, *rest, whole=whole):
            if batch.multiplier.shape[0] > 3:
                raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating")
            return whole(batch, *rest)

        monkeypatch.setattr(contracts_module, name, limited)
    np.testing.assert_array_equal(contract_pnl(book(), market(), shocks()), expected)


def test_contracts_that_never_fit_are_an_error_with_a_cure(monkeypatch):
    def never(*_):
        raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating")

    monkeypatch.setattr(contracts_module, "pnl_by_value", never)
    with pytest.raises(MemoryError, match=r"contracts x 12 scenarios at once. Give fewer scen"):
        contract_pnl(book(), market(), shocks())


def test_the_pieces_of_the_pnl_are_the_whole_and_name_each_account_once():
    held, moves = book(70), shocks(30)
    whole = np.asarray(revalue(held, market(), moves))
    pieces = list(stream_pnl(contract_pnl(held, market(), moves), held.positions))
    assert len(pieces) == len(held.positions.blocks) > 1
    order = np.concatenate([accounts for accounts, _ in pieces])
    np.testing.assert_array_equal(np.sort(order), np.arange(70))
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in pieces]), whole[order])


def test_dense_rows_are_sums_over_what_they_hold():
    random = np.random.default_rng(1)
    pnl = random.normal(size=(240, 64))
    account = np.concatenate([np.zeros(230, int), np.full(200, 1), [2]])
    instrument = np.concatenate(
        [random.choice(240, 230, replace=False), random.choice(240, 200, replace=False), [7]]
    )
    quantity = random.normal(size=431)
    positions = build_positions(account, instrument, quantity, accounts=3)
    assert any(isinstance(block, DenseBlock) for block in positions.blocks)
    held = np.zeros((3, 240))
    held[account, instrument] = quantity
    result = stream_accounts(least, jnp.asarray(pnl), positions)
    np.testing.assert_allclose(result, (held @ pnl).min(axis=1), rtol=1e-12)
    fewer = stream_accounts(least, jnp.asarray(pnl[:, :8]), positions)
    np.testing.assert_allclose(fewer, (held @ pnl[:, :8]).min(axis=1), rtol=1e-12)


def test_a_traced_run_takes_one_device_and_gives_the_same():
    pnl = contract_pnl(book(), market(), shocks())
    traced = jax.jit(lambda p: stream_accounts(least, p, book().positions))(pnl)
    np.testing.assert_allclose(traced, stream_accounts(least, pnl, book().positions), rtol=1e-12)
