"""The liquidation engine written anew as plain loops over accounts and coins."""

import math

import numpy as np

FULL, PARTIAL, AUCTION = range(3)
NONE, PROFIT, RANKING, QUEUE = range(4)


class Venue:
    """One venue in one scenario; `step` moves it on."""

    def __init__(self, equity, position, price, entry, maintenance, fund, **settings):
        self.position = [list(map(float, row)) for row in position]
        self.cash = [e - float(np.dot(row, price)) for e, row in zip(equity, position, strict=True)]
        self.entry, self.maintenance, self.fund = entry, maintenance, float(fund)
        self.impact = [0.0] * len(price)
        self.seen = [[] for _ in price]
        self.halted, self.calm = [0] * len(price), [0] * len(price)
        self.set = settings
        self.accounts, self.coins = range(len(equity)), range(len(price))
        self.taken = 0.0

    def equity(self, a, price):
        return self.cash[a] + sum(self.position[a][c] * price[c] for c in self.coins)

    def notional(self, a, price):
        return sum(abs(self.position[a][c]) * price[c] for c in self.coins)

    def paused(self, price):
        """Levels 0, 1, 2; both limits are the band, so a move beyond it is level 2 at once."""
        result = []
        for c in self.coins:
            moved = any(abs(price[c] / p - 1.0) > self.set["band"] for p in self.seen[c])
            wanted = 2 if moved else 0
            self.calm[c] = self.calm[c] + 1 if wanted < self.halted[c] else 0
            if self.calm[c] >= self.set["pause"]:
                self.halted[c], self.calm[c] = self.halted[c] - 1, 0
            else:
                self.halted[c] = max(self.halted[c], wanted)
            self.seen[c] = [*self.seen[c], price[c]][-self.set["window"] :]
            result.append(self.set["breaker_on"] and self.halted[c] == 2)
        return result

    def deleverage(self, price, paused):
        policy, handed = self.set["deleveraging"], [0.0 for _ in self.coins]
        equity = [self.equity(a, price) for a in self.accounts]
        size = [self.notional(a, price) for a in self.accounts]
        broke = [a for a in self.accounts if equity[a] < 0.0 and size[a] > 0.0]
        if policy == NONE or -sum(equity[a] for a in broke) <= self.fund:
            return handed
        before = [list(row) for row in self.position]
        for c in self.coins:
            for side in (1.0, -1.0):
                givers = [a for a in broke if side * before[a][c] > 0.0 and not paused[c]]
                takers = []
                for a in self.accounts:
                    profit = before[a][c] * (price[c] - self.entry[a][c])
                    if a not in broke and side * before[a][c] < 0.0 and profit > 0.0:
                        invested = abs(before[a][c]) * self.entry[a][c]
                        rank = profit / invested * size[a] / equity[a]
                        takers.append((a, abs(before[a][c]), profit, rank))
                need = sum(abs(before[a][c]) for a in givers)
                took = shared(takers, need, policy)
                moved = sum(took.values())
                if moved == 0.0:
                    continue
                premium = 0.0
                for a in givers:
                    gave = abs(before[a][c]) * moved / need
                    extra = gave * price[c] * -equity[a] / size[a]
                    premium += extra
                    self.cash[a] += side * gave * price[c] + extra
                    self.position[a][c] -= side * gave
                for a, amount in took.items():
                    self.cash[a] -= side * amount * price[c] + premium * amount / moved
                    self.position[a][c] += side * amount
                self.taken += premium
                handed[c] += moved * price[c]
        return handed

    def step(self, outside):
        s = self.set
        price = [p * math.exp(i) for p, i in zip(outside, self.impact, strict=True)]
        paused = self.paused(price)
        handed = self.deleverage(price, paused)
        orders = [[0.0 for _ in self.coins] for _ in self.accounts]
        below = 0
        for a in self.accounts:
            equity, size = self.equity(a, price), self.notional(a, price)
            required = sum(
                self.maintenance[a][c] * abs(self.position[a][c]) * price[c] for c in self.coins
            )
            if size == 0.0 or equity >= required:
                continue
            below += 1
            share = 1.0
            if s["policy"] == PARTIAL and equity > 0.0:
                target = (1.0 + s["buffer"]) * required
                share = min(1.0, (target - equity) / (target - s["fee"] * size))
            for c in self.coins:
                if not paused[c]:
                    orders[a][c] = -share * self.position[a][c]
        moves = []
        for c in self.coins:
            net = sum(row[c] for row in orders)
            move = s["impact"] * s["volatility"][c] * math.sqrt(abs(net) / s["volume"][c])
            moves.append(0.0 if s["policy"] == AUCTION else math.copysign(move, net))
        new = [p * math.exp(m) for p, m in zip(price, moves, strict=True)]
        for a in self.accounts:
            traded = 0.0
            for c in self.coins:
                at = price[c] * math.exp(2.0 / 3.0 * moves[c])
                if s["policy"] == AUCTION:
                    at = price[c] * (1.0 + s["discount"] * np.sign(orders[a][c]))
                self.cash[a] -= orders[a][c] * at
                self.position[a][c] += orders[a][c]
                traded += abs(orders[a][c]) * price[c]
            fee = min(s["fee"] * traded, max(self.equity(a, new), 0.0))
            self.cash[a] -= fee
            self.fund += fee
        owing = [
            a
            for a in self.accounts
            if self.cash[a] < 0.0 and all(q == 0.0 for q in self.position[a])
        ]
        due = -sum(self.cash[a] for a in owing)
        paid = min(due, max(self.fund, 0.0))
        able = {a: max(self.equity(a, new), 0.0) for a in self.accounts}
        shared_loss = min(due - paid, sum(able.values())) if s["socialize"] else 0.0
        for a in owing:
            self.cash[a] *= 1.0 - (paid + shared_loss) / due
        for a, amount in able.items():
            if shared_loss > 0.0:
                self.cash[a] -= shared_loss * amount / sum(able.values())
        self.fund -= paid
        self.impact = [s["retained"] * (i + m) for i, m in zip(self.impact, moves, strict=True)]
        short = sum(max(-self.equity(a, new), 0.0) for a in self.accounts)
        return {
            "price": new, "paused": paused, "below": below, "deleveraged": handed,
            "fund": self.fund, "paid": paid, "socialized": shared_loss, "shortfall": short,
        }  # fmt: skip


def shared(takers, need, policy):
    """Coins by account; in proportion to profits, the full ones drop out one round at a time."""
    took, left = {}, need
    if policy == PROFIT:
        open_, need = list(takers), min(need, sum(t[1] for t in takers))
        left = need
        while open_:
            whole = sum(t[2] for t in open_)
            full = [t for t in open_ if t[1] <= left * t[2] / whole]
            if not full:
                return took | {t[0]: left * t[2] / whole for t in open_}
            took |= {t[0]: t[1] for t in full}
            left -= sum(t[1] for t in full)
            open_ = [t for t in open_ if t not in full]
        return took
    order = sorted(takers, key=lambda t: -t[3]) if policy == RANKING else takers
    for account, capacity, _, _ in order:
        took[account] = min(capacity, left)
        left -= took[account]
    return took
