"""The limits of many processes, in Redis: one script, and so one trip, for each question.

The clock is Redis's own. What `billing.limits.memory` does is done here in the same way; the
tests run both through the same cases.
"""

from collections.abc import Sequence
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from billing.limits.rules import BUCKET_SECONDS, BUCKETS, Rule, Seat, Verdict, Window

TIMEOUT_SECONDS: Final = 0.5
_MICRO: Final = 1_000_000

# KEYS: the site's buckets, a list for each rule (newest first), a sorted set if a seat is asked
# for. ARGV: 1 to count or 0 to look, seconds of a bucket, buckets, number of rules; for each
# rule limit, microseconds, calm; for the seat limit, uid, microseconds.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local text = string.format('%.0f', now)
local counts, span, rules = ARGV[1] == '1', tonumber(ARGV[2]), tonumber(ARGV[4])
local bucket = math.floor(time[1] / span)

local load = 0
local site = redis.call('HGETALL', KEYS[1])
for i = 1, #site, 2 do
  local age = bucket - tonumber(site[i])
  if age >= 0 and age < tonumber(ARGV[3]) then
    load = load + tonumber(site[i + 1])
  elseif counts then
    redis.call('HDEL', KEYS[1], site[i])
  end
end

local refused, longest, answer, shares = 0, 0, {}, 0
for rule = 1, rules do
  local key, at = KEYS[rule + 1], 4 + (rule - 1) * 3
  local limit, period = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local calm = tonumber(ARGV[at + 3])
  local newest = tonumber(redis.call('LINDEX', key, 0) or '0')
  if newest > now + 1000000 then
    redis.call('DEL', key)
    newest = 0
  end
  local oldest = tonumber(redis.call('LINDEX', key, -1) or text)
  while oldest <= now - period do
    redis.call('RPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, -1) or text)
  end
  local used = redis.call('LLEN', key)
  if calm > 0 then
    shares = shares + 1
    if load > calm then limit = math.max(1, math.floor(limit * calm / load)) end
  end
  local reset = used > 0 and newest + period - now or 0
  if used >= limit then
    local wait = tonumber(redis.call('LINDEX', key, -(used - limit + 1))) + period - now
    if wait > longest then refused, longest = rule, wait end
  end
  table.insert(answer, limit)
  table.insert(answer, used)
  table.insert(answer, string.format('%.0f', reset))
end

local seats, seat = 0, KEYS[rules + 2]
local at = 4 + rules * 3
if seat then
  -- Also what was taken before the clock was put back.
  local beyond = string.format('%.0f', now + 2 * tonumber(ARGV[at + 3]))
  redis.call('ZREMRANGEBYSCORE', seat, '-inf', text)
  redis.call('ZREMRANGEBYSCORE', seat, beyond, '+inf')
  seats = redis.call('ZCARD', seat)
  if seats >= tonumber(ARGV[at + 1]) and not redis.call('ZSCORE', seat, ARGV[at + 2]) then
    local first = redis.call('ZRANGE', seat, 0, 0, 'WITHSCORES')
    local wait = (tonumber(first[2]) or now) - now
    if refused == 0 or wait > longest then refused, longest = -1, wait end
  end
end

if counts and refused == 0 then
  for rule = 1, rules do
    local key, period = KEYS[rule + 1], tonumber(ARGV[4 + (rule - 1) * 3 + 2])
    redis.call('LPUSH', key, text)
    redis.call('PEXPIRE', key, math.ceil(period / 1000))
  end
  if shares > 0 then
    redis.call('HINCRBY', KEYS[1], bucket, shares)
    redis.call('EXPIRE', KEYS[1], span * (tonumber(ARGV[3]) + 1))
  end
  if seat then
    local lasts = tonumber(ARGV[at + 3])
    redis.call('ZADD', seat, string.format('%.0f', now + lasts), ARGV[at + 2])
    redis.call('PEXPIRE', seat, math.ceil(lasts / 1000))
  end
end
return {refused, string.format('%.0f', longest), seats, load, answer}
"""
_RENEW: Final = """
local time = redis.call('TIME')
local lasts = tonumber(ARGV[2])
local till = string.format('%.0f', time[1] * 1000000 + time[2] + lasts)
redis.call('ZADD', KEYS[1], 'XX', till, ARGV[1])
return redis.call('PEXPIRE', KEYS[1], math.ceil(lasts / 1000))
"""


class RedisStore:
    """Raises `redis.RedisError` when Redis does not answer. Its keys begin with `prefix`."""

    def __init__(self, url: str, prefix: str) -> None:
        self._prefix = f"{prefix}:limits:"
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # Once more at once: the connection may be from before Redis was restarted.
            retry=Retry(NoBackoff(), 1),
        )
        self._take: Any = self._redis.register_script(_TAKE)
        self._renew: Any = self._redis.register_script(_RENEW)

    def take(
        self, rules: Sequence[Rule], seat: Seat | None = None, *, counts: bool = True
    ) -> Verdict:
        keys = [f"{self._prefix}site", *(self._prefix + rule.key for rule in rules)]
        args: list[Any] = [int(counts), BUCKET_SECONDS, BUCKETS, len(rules)]
        for rule in rules:
            args += (rule.limit, int(rule.seconds * _MICRO), rule.calm)
        if seat is not None:
            keys.append(self._prefix + seat.key)
            args += (seat.limit, seat.uid, int(seat.seconds * _MICRO))
        refused, wait, seats, load, answer = self._take(keys=keys, args=args)
        is_counted = counts and not refused
        return Verdict(
            refused="" if not refused else "seat" if refused < 0 else rules[refused - 1].name,
            wait_seconds=int(wait) / _MICRO,
            windows=tuple(
                Window(
                    rule.name,
                    answer[3 * at],
                    answer[3 * at + 1] + is_counted,
                    rule.seconds if is_counted else int(answer[3 * at + 2]) / _MICRO,
                )
                for at, rule in enumerate(rules)
            ),
            seats=seats,
            load=load,
        )

    def renew(self, seat: Seat) -> None:
        self._renew(keys=[self._prefix + seat.key], args=[seat.uid, int(seat.seconds * _MICRO)])

    def release(self, seat: Seat) -> None:
        self._redis.zrem(self._prefix + seat.key, seat.uid)
