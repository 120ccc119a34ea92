-- One turn of one worker at the pace that the whole fleet shares.
-- KEYS[1]: the state of one endpoint and model, a JSON text. ARGV[1]: a report and a wish, JSON. Returns JSON.
-- All times are seconds of this server's clock since the state was born.
--
-- report: ok, rejected, outage_tail (outages since the last success), failing (the units, each once, about which an
--   answer said so), nameless (outages of no unit), answered_for (seconds since the last answer, -1 none), retry_after,
--   rtt, head (requests per second by the headers, 0 unknown), has_headers, is_bucket, rem, reset (-1 unknown), limit,
--   tokens (per request), token_rate, unused (permits that were drawn and dropped)
-- wish: want (permits), horizon
-- answer: granted, first (seconds from now), gap, wait (when to ask again), mode, rate, workers, open_for (-1 closed),
--   answered_for (seconds since the fleet's last answer, -1 none)
--
-- mode: ramp   nothing is known; the rate doubles while nobody objects
--       regrow after the first refusal; the rate grows from half of what was accepted
--       aimd   around the rate at which refusals begin
--       head   the endpoint states its limit
--       free   nobody objected at any rate; no pacing
local START, TOP, MARGIN, CREDIT = 40, 4096, 0.985, 0.01
local OUTAGES_TO_OPEN, FEW_OUTAGES, FEW_OUTAGES_S = 10, 3, 0.5
local FIRST_PAUSE_LOW, FIRST_PAUSE_HIGH = 0.01, 0.05
local KEEP_S, WORKER_S = 3600, 15

local ask = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local seconds = tonumber(clock[1]) + tonumber(clock[2]) / 1e6
local stored = redis.call('GET', KEYS[1])
local s = stored and cjson.decode(stored) or {
  born = math.floor(seconds), seen = 0, mode = 'ramp', r = START, next = 0, stepped = 0, since_step = 0,
  cut = -1e6, rmax = 0, last_stop = 0, stopped = 0, total = 0, ep_total = 0, ep_at = 0,
  grown = 0, trim = 1, goal = 0, top = 0, pause = 0.05, paused_until = 0,
  stop = 0, probing = false, probe_until = 0, fails = 0, failing_since = 0, failing = {}, nameless = 0,
  answered = -1, open = -1, probe_next = 0, rtt = 0.2, last429 = -1e6,
  ring = {0, 0, 0, 0, 0, 0, 0, 0}, ring_i = 0, head = 0, head_limit = 0, headers = false, rem = -1, rem_at = 0, rem_reset = 0,
  rem_used = 0, bucket = false, limit = 0, token_rate = 0, tokens = 0, workers = {}, opened = 0,
}
local now = seconds - s.born
if now < s.seen - 1 then  -- the clock was set back: keep all spans, move the origin
  s.born = s.born - (s.seen - now)
  now = s.seen
end
s.seen = now
if ask.rtt > 0 then s.rtt = ask.rtt end
local step = math.max(0.1, math.min(0.5, s.rtt))

-- Workers that were heard of lately
s.workers[ask.worker] = now
local workers = 0
for id, at in pairs(s.workers) do
  if now - at > WORKER_S then s.workers[id] = nil else workers = workers + 1 end
end

-- What was accepted in the last second, in quarters
local index = math.floor(now * 4)
for i = s.ring_i + 1, math.min(index, s.ring_i + 8) do s.ring[i % 8 + 1] = 0 end
if index - s.ring_i > 8 then s.ring = {0, 0, 0, 0, 0, 0, 0, 0} end
s.ring_i = index
s.ring[index % 8 + 1] = s.ring[index % 8 + 1] + ask.ok
s.total = s.total + ask.ok
local function accepted_per_s()
  local sum = 0
  for i = index - 4, index do sum = sum + s.ring[i % 8 + 1] end
  return sum / math.min(math.max(now, 0.25), 1 + now * 4 % 1 / 4)
end

-- The breaker: opens after outages in a row, of which few suffice where they come over a time in which nothing
-- succeeded (a fleet with few calls left would else retry each of them for long); closes with the first success.
-- What answers about one unit say counts once: it may be the unit that the endpoint cannot answer.
s.failing, s.nameless, s.answered = s.failing or {}, s.nameless or 0, s.answered or -1
if ask.answered_for >= 0 then s.answered = math.max(s.answered, now - ask.answered_for) end
if ask.ok > 0 then
  s.fails, s.failing, s.nameless = 0, {}, 0
  s.open = -1
  if s.probing and s.probe_until > 0 then s.probing = false end
end
if ask.outage_tail > 0 then
  if s.fails == 0 then s.failing_since = now end
  s.fails = s.fails + ask.outage_tail
  s.nameless = s.nameless + ask.nameless
  if s.open < 0 then
    for _, unit in ipairs(ask.failing) do s.failing[unit] = true end
  end
end
local different = s.nameless
for _ in pairs(s.failing) do different = different + 1 end
local is_long = s.fails >= FEW_OUTAGES and different > 1 and now - s.failing_since >= FEW_OUTAGES_S
if s.open < 0 and (different >= OUTAGES_TO_OPEN or is_long) then
  s.open, s.probe_next, s.opened = now, now + 1, s.opened + 1
end

-- What the headers say
if ask.has_headers then s.headers = true end
if ask.rem >= 0 then
  s.rem, s.rem_at, s.rem_reset, s.rem_used = ask.rem, now, now + ask.reset, 0
  s.bucket, s.limit = ask.is_bucket, ask.limit
end
if ask.head > 0 then
  -- Who saw the longest reset knows a window best; a bucket is known better the longer it is watched.
  local knows_less = s.mode == 'head' and not ask.is_bucket and ask.limit == s.head_limit
  s.head = knows_less and math.min(s.head, ask.head) or ask.head
  s.head_limit, s.mode = ask.limit, 'head'
end
if ask.token_rate > 0 then s.token_rate = ask.token_rate end
if ask.tokens > 0 then s.tokens = ask.tokens end

if s.probing and s.probe_until > 0 and ask.rejected + ask.outage_tail > 0 then
  s.probe_until = math.min(s.probe_until, now + 0.25)  -- this probe failed; the next one may follow
end

-- Permits that were dropped at a refusal may be drawn again
if ask.unused > 0 and s.mode ~= 'free' and s.mode ~= 'head' then s.next = s.next - ask.unused / s.r end

-- Refusals: those that were on their way when the pace was cut belong to the same episode
if ask.retry_after > 0 then
  local till = now + ask.retry_after
  if till > s.stop then
    s.stopped = s.stopped + till - math.max(s.stop, now)
    s.last_stop = ask.retry_after
    s.stop, s.probing, s.probe_until = till, true, 0
  end
end
if ask.rejected > 0 then
  s.last429 = now
  if now - s.cut > s.rtt + 0.15 + 2 * s.pause then
    if s.mode == 'head' then
      s.trim = math.max(0.7, s.trim * 0.985)
    elseif s.mode == 'ramp' or s.mode == 'free' then
      local lately = accepted_per_s()
      if s.mode == 'free' then s.r = lately * 1.5 end  -- the pace that was refused, about
      s.r = math.max(0.5, math.min(s.r / 2, math.max(s.r / 6, lately * 0.75)))
      s.top, s.mode, s.rmax = s.r * 2, 'regrow', 0
    else
      local allowed = (s.total - s.ep_total) / math.max(0.2, now - s.ep_at - s.stopped)
      s.mode, s.rmax = 'aimd', s.r  -- the search goes on between the cut rate and this one
      -- Less was accepted than is allowed where a window stood empty at its end: stay close to the refused rate.
      allowed = math.max(allowed, math.min(s.r * 0.97, allowed * 1.04))
      s.r = math.max(0.2, math.min(s.r, math.max(s.r / 2, allowed)) * MARGIN)
      s.goal = (s.r + s.rmax) / 2
    end
    s.ep_total, s.ep_at, s.stopped, s.stepped, s.since_step = s.total, now, 0, now, 0
    s.cut = math.max(now, s.stop)
    s.grown = s.cut
    s.pause = math.max(FIRST_PAUSE_LOW, math.min(FIRST_PAUSE_HIGH, 5 / s.r))
    s.paused_until = now + s.pause
  elseif now > s.paused_until then  -- a window that is used up: knock more and more seldom
    s.pause = math.min(5, s.pause * 2)
    s.paused_until = now + s.pause
  end
  s.next = math.max(s.next, s.paused_until)
end

-- Growth, only while there is more to send than the pace lets through
local pressing = s.next > now - 0.02
if s.mode == 'ramp' or s.mode == 'regrow' then
  if now - s.stepped >= step and now >= s.stop then
    local busy = s.since_step >= 0.5 * s.r * (now - s.stepped)
    if busy then s.r = math.min(TOP, s.r * (s.mode == 'ramp' and 2 or 1.15)) end
    if s.mode == 'ramp' and not s.headers and s.total > 0 then
      if s.r >= TOP or (not busy and now - s.last429 > 2 and now > 2) then s.mode = 'free' end
    end
    s.stepped, s.since_step = now, 0
  end
elseif s.mode == 'aimd' then
  local dt = math.min(1, now - s.grown)
  if dt > 0 then
    if pressing then
      if s.r < s.goal * 0.995 then
        s.r = s.r + (s.goal - s.r) * math.min(1, dt / (1 + 3 * s.last_stop))
      elseif now - s.cut > 20 * s.last_stop then
        -- A refusal or two per episode weigh less the faster the endpoint is, so knock more often there.
        local share = 0.004 * math.max(1, math.min(3, s.r / 100))
        s.r = s.r * (1 + math.min(0.1, share * 2 ^ math.floor((now - s.cut) / 10)) * dt)
      end
    end
    s.grown = now
  end
elseif s.mode == 'head' then
  if s.trim < 1 and now - s.last429 > 10 then s.trim = math.min(1, s.trim + 0.001 * (now - s.grown)) end
  s.grown = now
end

-- The rate in force
local rate = s.r
if s.mode == 'head' and s.bucket then  -- hold the bucket at seven tenths: room for a jam, and proof of full use
  rate = s.head * s.trim * (0.86 + 0.2 * s.rem / math.max(1, s.limit))
elseif s.mode == 'head' then
  -- A call that comes a little late counts in the next window: leave room for one or two.
  rate = s.head * s.trim * (1 - math.max(0.012, 1.5 / math.max(10, s.limit)))
end
if s.mode == 'ramp' and s.headers and s.rem >= 0 and now < s.rem_reset then
  rate = math.max(1, math.min(rate, s.rem / (2 * s.rtt)))
end
if s.token_rate > 0 and s.tokens > 0 then rate = math.min(rate, s.token_rate * MARGIN * s.trim / s.tokens) end

-- The permits
local granted, first, gap, wait = 0, 0, 0, 0
if ask.want > 0 then
  if s.open >= 0 then
    if now >= s.probe_next then
      granted, s.probe_next = 1, now + 1
    end
    wait = s.probe_next - now
  elseif now < s.stop then
    wait = s.stop - now
  elseif s.probing then
    if now >= s.probe_until then
      granted, s.probe_until = 1, now + math.max(5, 3 * s.rtt)
    end
    wait = 0.02
  elseif s.mode == 'free' then
    granted = ask.want
  else
    gap = 1 / rate
    s.next = math.max(math.min(s.next, now + math.max(60, gap)), now - CREDIT)
    local due = math.max(0, math.floor((now + ask.horizon - s.next) / gap) + 1)
    granted = math.min(ask.want, due)
    if s.rem >= 0 and now < s.rem_reset then
      local left = s.rem - s.rem_used
      if s.bucket then left = left + (now - s.rem_at) * s.head end
      if left < granted then
        granted = math.max(0, math.floor(left))
        if granted == 0 then s.next = math.max(s.next, s.bucket and now + gap or s.rem_reset) end
      end
    end
    first = math.max(0, s.next - now)
    s.next = s.next + granted * gap
    s.rem_used = s.rem_used + granted
    wait = math.max(0.005, s.next - now - ask.horizon / 2)
  end
  s.since_step = s.since_step + granted
end

redis.call('SET', KEYS[1], cjson.encode(s), 'EX', KEEP_S)
return cjson.encode({
  granted = granted, first = first, gap = gap, wait = wait, mode = s.mode, is_bucket = s.bucket, rate = rate, workers = workers,
  open_for = s.open >= 0 and now - s.open or -1, answered_for = s.answered >= 0 and now - s.answered or -1, opened = s.opened, stop_for = math.max(0, s.stop - now),
})
