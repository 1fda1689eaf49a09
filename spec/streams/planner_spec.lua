-- The planner alone: what it says about one view, and what comes of following it through thousands of streams whose
-- listings lie, on a clock that only counts steps.
local planner = require "dynamodb.streams.planner"

local SCALE = tonumber(os.getenv "SCALE") or 1

-- A view; shards as "id" or "id<parent", leases as "id<parent=checkpoint".
local function view(shards, leases, more)
  local made = { shards = {}, leases = {}, gone = {}, from = "TRIM_HORIZON", ended = false }
  for text in shards:gmatch "%S+" do
    local id, parent = text:match "^(%w+)<?(%w*)$"
    made.shards[id] = { parent = parent ~= "" and parent or nil, listed = true }
  end
  for text in (leases or ""):gmatch "%S+" do
    local id, parent, checkpoint, since = text:match "^(%w+)<?(%w*)=([%w_]+)@?(%d*)$"
    made.leases[id] = { id = id, parent = parent ~= "" and parent or nil, checkpoint = checkpoint,
      since = tonumber(since) }
  end
  for name, value in pairs(more or {}) do made[name] = value end
  return made
end

local function created(plan)
  local texts = {}
  for i, lease in ipairs(plan.create) do
    texts[i] = lease.id .. "=" .. lease.checkpoint .. (lease.since and "@" .. lease.since or "")
  end
  return table.concat(texts, " ")
end

local function names(map)
  local list = {}
  for name in pairs(map) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

describe("the planner", function()
  it("begins with every shard at its oldest record, parents first", function()
    local plan = planner.plan(view "a<z z b<a")
    assert.equal("z=TRIM_HORIZON a=TRIM_HORIZON b=TRIM_HORIZON", created(plan))
  end)

  it("begins LATEST with the shards that nothing comes after", function()
    local plan = planner.plan(view("a b<a c<a d", "", { from = "LATEST" }))
    assert.equal("b=LATEST c=LATEST d=LATEST", created(plan))
  end)

  it("reads the later children of LATEST from their beginning, and no shard before it", function()
    local plan = planner.plan(view("a b<a c<b", "b<a=SHARD_END", { from = "LATEST" }))
    assert.equal("c=TRIM_HORIZON", created(plan))
  end)

  it("begins where LATEST was what another one has not begun yet, or died over", function()
    local plan = planner.plan(view("a b c<b d<c", "a=LATEST@20 z=SHARD_END@10", { from = "LATEST" }))
    assert.equal("b=LATEST@10 c=LATEST@10 d=LATEST@10", created(plan))
    plan = planner.plan(view("a b<a c d<c", "a=SHARD_END c=LATEST@10", { from = "LATEST" }))
    assert.equal("b=TRIM_HORIZON d=LATEST@10", created(plan))
    plan = planner.plan(view("a b", "a=LATEST@20"))
    assert.equal("b=TRIM_HORIZON", created(plan))
  end)

  it("lets a shard be read when its parent has been", function()
    local leases = "a=%s b<a=TRIM_HORIZON"
    assert.equal("a", names(planner.plan(view("a b<a", leases:format "12")).ready))
    assert.equal("b", names(planner.plan(view("a b<a", leases:format "SHARD_END")).ready))
  end)

  it("takes a parent that is listed as open for what its lease says", function()
    local open = view("a b<a", "a=SHARD_END b<a=TRIM_HORIZON")
    open.shards.a.closed = false
    assert.equal("b", names(planner.plan(open).ready))
  end)

  it("asks for a parent that is not listed, before its child gets a lease", function()
    local plan = planner.plan(view "b<a c")
    assert.same({ "c=TRIM_HORIZON", { "a" } }, { created(plan), plan.probe })
    plan = planner.plan(view("b<a c", "c=TRIM_HORIZON", { gone = { a = true } }))
    assert.same({ "b=TRIM_HORIZON", {} }, { created(plan), plan.probe })
  end)

  it("asks once for a shard that is known, not listed, and gone", function()
    local gone = view("a b", "b=5", { gone = { a = true } })
    gone.shards.a.listed = false
    local plan = planner.plan(gone)
    assert.same({ "", {} }, { created(plan), plan.probe })
    gone.shards.a.listed = true -- there it is again
    assert.equal("a=TRIM_HORIZON", created(planner.plan(gone)))
  end)

  it("searches the children of a shard that has been read", function()
    assert.same({ "a" }, planner.plan(view("a", "a=SHARD_END")).search)
    assert.same({}, planner.plan(view("a b<a", "a=SHARD_END b<a=5")).search)
    assert.same({}, planner.plan(view("a", "a=SHARD_END", { gone = { a = true } })).search)
  end)

  it("asks whether a shard is there whose children are not found, and lets go of it if not", function()
    local plan = planner.plan(view("b<z", "a=SHARD_END b<z=5"))
    assert.same({ { "a" }, { "a" } }, { plan.search, plan.probe })
    plan = planner.plan(view("b<z", "a=SHARD_END b<z=5", { gone = { a = true } }))
    assert.same({ {}, { "a" } }, { plan.search, plan.remove })
  end)

  it("keeps the lease of a shard that has been read as long as it could be listed again", function()
    local leases = "a=SHARD_END b<a=SHARD_END c<b=7"
    assert.same({}, planner.plan(view("a b<a c<b", leases)).remove)
    local plan = planner.plan(view("b<a c<b", leases))
    assert.same({ { "a" }, {} }, { plan.probe, plan.remove })
    plan = planner.plan(view("b<a c<b", leases, { gone = { a = true } }))
    assert.same({ {}, { "a" } }, { plan.probe, plan.remove })
  end)

  it("keeps the lease of a shard whose children have not been read", function()
    local plan = planner.plan(view("b<a", "a=SHARD_END b<a=7", { gone = { a = true } }))
    assert.same({}, plan.remove)
  end)

  it("never reads a shard again whose lease is gone", function()
    local plan = planner.plan(view("a b<a c<b", "c<b=7"))
    assert.equal("", created(plan))
  end)

  it("is done when a disabled stream has been read", function()
    assert.is_false(planner.plan(view("a b", "a=SHARD_END b=9", { ended = true })).done)
    assert.is_false(planner.plan(view("a b", "a=SHARD_END", { ended = true })).done)
    assert.is_true(planner.plan(view("a b", "a=SHARD_END b=SHARD_END", { ended = true })).done)
  end)

  it("survives shards that are each other's parents", function()
    local plan = planner.plan(view("a<b b<a c<c", "a<b=5"))
    assert.equal("c=TRIM_HORIZON", created(plan))
    assert.equal("a", names(plan.ready))
  end)
end)

-- ------------------------------------------------------------------------------------------------- simulations ----

-- A stream that grows by itself: shards split, records are written, old shards are trimmed.
local function new_world(seed)
  local world = { shards = {}, order = {}, written = {}, handled = {}, clock = 0 }
  world.state = seed * 104729 % 2147483646 + 1
  function world.random(n)
    world.state = world.state * 16807 % 2147483647
    return world.state % n + 1
  end
  function world.add(parent, items)
    local id = ("s%04d"):format(#world.order + 1)
    world.shards[id] = { id = id, parent = parent, items = items, records = {}, closed = false }
    world.order[#world.order + 1] = id
    return id
  end
  for i = 1, 2 do world.add(nil, { i * 4 - 3, i * 4 - 2, i * 4 - 1, i * 4 }) end
  return world
end

local function write(world)
  local shard = world.shards[world.order[world.random(#world.order)]]
  if shard.closed then return end
  local item = shard.items[world.random(#shard.items)]
  world.written[item] = (world.written[item] or 0) + 1
  world.clock = world.clock + 1
  table.insert(shard.records, { item = item, n = world.written[item], at = world.clock })
end

local function split(world)
  local shard = world.shards[world.order[world.random(#world.order)]]
  if shard.closed then return end
  shard.closed = true
  local halves = #shard.items > 1 and world.random(2) or 1
  local parts = { {}, {} }
  for i, item in ipairs(shard.items) do table.insert(parts[halves == 1 and 1 or i % 2 + 1], item) end
  for i = 1, halves do world.add(shard.id, parts[i]) end
end

-- The service forgets shards that were closed and read long ago.
local function trim(world, leases)
  for _, id in ipairs(world.order) do
    local shard = world.shards[id]
    local parent = world.shards[shard.parent]
    if not shard.gone and shard.closed and planner.is_finished(leases[id]) and (not parent or parent.gone) then
      shard.gone = true
      return true
    end
  end
end

-- What a listing shows: some shards are missing.
local function list(world, known, honest)
  for _, shard in pairs(known) do shard.listed = false end
  for _, id in ipairs(world.order) do
    local shard = world.shards[id]
    if not shard.gone and (honest or world.random(6) > 1) then
      known[id] = { parent = shard.parent, listed = true }
    end
  end
end

-- One consumer's round: it may die half-way through what the plan says, or after so many steps.
local function follow(world, reader, leases, honest, most)
  list(world, reader.known, honest)
  for id in pairs(reader.known) do
    if reader.gone[id] then reader.known[id] = nil end
  end
  local plan = planner.plan { shards = reader.known, leases = leases, gone = reader.gone, from = reader.from,
    ended = false }
  local steps = most or honest and math.huge or world.random(6) - 1
  for i, lease in ipairs(plan.create) do
    if i > steps then return end
    leases[lease.id] = leases[lease.id] or lease
    if lease.checkpoint == "LATEST" then
      lease.since, lease.at = lease.since or world.clock, 0
      for place, record in ipairs(world.shards[lease.id].records) do
        if record.at <= lease.since then lease.at = place end
      end
    end
  end
  for _, id in ipairs(plan.probe) do
    if world.shards[id].gone then reader.gone[id] = true end
  end
  for _, id in ipairs(plan.search) do
    for _, child in ipairs(world.order) do
      if world.shards[child].parent == id and (honest or world.random(3) > 1) then
        reader.known[child] = reader.known[child] or { parent = id, listed = true }
      end
    end
  end
  for _, id in ipairs(plan.remove) do leases[id] = nil end
  for _, id in ipairs(world.order) do
    if plan.ready[id] then
      local lease, shard = leases[id], world.shards[id]
      local upto = honest and #shard.records or math.min(#shard.records, (lease.at or 0) + world.random(4) - 1)
      for i = (lease.at or 0) + 1, upto do
        table.insert(world.handled, shard.records[i])
        lease.checkpoint = tostring(i)
      end
      lease.at = upto
      if shard.closed and upto == #shard.records then lease.checkpoint = "SHARD_END" end
    end
  end
end

-- A whole stream, followed by three who do not know of each other's listings; what is wrong, nil if nothing.
local function simulate(seed, from)
  local world, leases = new_world(seed), {}
  local readers = {}
  for i = 1, 3 do readers[i] = { known = {}, gone = {}, from = from } end
  local before = {}
  if from == "LATEST" then
    for _ = 1, 20 do write(world) end
    for _ = 1, 4 do split(world) end
    follow(world, readers[1], leases, true, seed % 4 == 0 and 1 or nil)
    for item, n in pairs(world.written) do before[item] = n end
  end
  for _ = 1, 150 do
    local what = world.random(12)
    if what <= 6 then
      write(world)
    elseif what == 7 then
      split(world)
    elseif what == 8 then
      trim(world, leases)
    else
      follow(world, readers[world.random(3)], leases, false)
    end
  end
  local idle = 0
  while idle < 4 do
    local done = #world.handled
    for _, reader in ipairs(readers) do follow(world, reader, leases, true) end
    idle = (trim(world, leases) or #world.handled > done) and 0 or idle + 1
  end
  local alive, kept = 0, 0
  for _, shard in pairs(world.shards) do alive = alive + (shard.gone and 0 or 1) end
  for _ in pairs(leases) do kept = kept + 1 end
  if kept > 2 * alive then return ("seed %d: %d leases of %d shards"):format(seed, kept, alive) end
  local latest = {}
  for _, record in ipairs(world.handled) do
    local expected = (latest[record.item] or before[record.item] or 0) + 1
    if record.n ~= expected then
      return ("seed %d: item %d: change %d instead of %d"):format(seed, record.item, record.n, expected)
    end
    latest[record.item] = record.n
  end
  for item, n in pairs(world.written) do
    if n > (before[item] or 0) and latest[item] ~= n then
      return ("seed %d: item %d: change %d of %d was the last"):format(seed, item, latest[item] or 0, n)
    end
  end
end

describe("following the planner through streams whose listings lack shards", function()
  for _, from in ipairs { "TRIM_HORIZON", "LATEST" } do
    it(("loses, repeats and exchanges nothing from %s"):format(from), function()
      for seed = 1, 1000 * SCALE do
        assert.is_nil(simulate(seed, from))
      end
    end)
  end
end)
