--- Which leases a consumer takes, and which it asks others for: told from the leases and from when each was seen to
--- change. Nothing is asked and nothing is sent here.
---
--- Whoever has a lease moves its counter on. A lease whose counter stands still for the lease time, by the clock of the
--- one who looks, has lost its owner: no two clocks are compared.
local planner = require "dynamodb.streams.planner"

local balance = {}

---@class dynamodb.BalanceView
---@field leases table<string, dynamodb.Lease>
---@field ready table<string, true>
---@field me string
---@field running table<string, any>    the shards that this consumer reads
---@field now number
---@field duration number               seconds that a lease lasts

---@class dynamodb.Balance
---@field take dynamodb.Lease[]      to be taken now
---@field request dynamodb.Lease?    to be asked for
---@field due number?                when the first lease of another one would expire

---@class dynamodb.Sighting
---@field counter integer?
---@field owner string?
---@field at number    when it was first seen so

--- Remembers when each lease was seen to change.
---@param sightings table<string, dynamodb.Sighting>    is brought up to date
---@param leases table<string, dynamodb.Lease>
---@param now number
function balance.see(sightings, leases, now)
  for id, lease in pairs(leases) do
    local seen = sightings[id]
    if not seen or seen.counter ~= lease.counter or seen.owner ~= lease.owner then
      sightings[id] = { counter = lease.counter, owner = lease.owner, at = now }
    end
  end
  for id in pairs(sightings) do
    if not leases[id] then sightings[id] = nil end
  end
end

---@param id string
---@param counts table<string, table>    ids of leases, by owner
---@param owner string
local function count(id, counts, owner)
  counts[owner] = counts[owner] or {}
  table.insert(counts[owner], id)
end

--- Sorts the leases that can be read: those of others that live, by owner, and those that nobody has.
---@param view dynamodb.BalanceView
---@param sightings table<string, dynamodb.Sighting>
---@return table
local function survey(view, sightings)
  local found = { others = {}, free = {}, active = 0, mine = 0, asked = false }
  local ids = {}
  for id in pairs(view.ready) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local lease = view.leases[id]
    if not planner.is_finished(lease) then
      found.active = found.active + 1
      local expiry = sightings[id].at + view.duration
      local holder = lease.owner or lease.wanted_by -- what was let go of for somebody is that one's for a while
      if view.running[id] then
        found.mine = found.mine + 1
        if lease.wanted_by then found.others[lease.wanted_by] = found.others[lease.wanted_by] or {} end
      elseif not holder or holder == view.me or view.now >= expiry then
        found.free[#found.free + 1] = lease
      else
        count(id, found.others, holder)
        found.due = math.min(found.due or math.huge, expiry)
        if lease.wanted_by == view.me then
          found.asked = true
        elseif lease.wanted_by then
          found.others[lease.wanted_by] = found.others[lease.wanted_by] or {}
        end
      end
    end
  end
  found.others[view.me] = nil
  return found
end

--- What the one of the others has who has most.
---@param others table<string, string[]>
---@return string[] ids
local function most_loaded(others)
  local owners, most = {}, {}
  for owner in pairs(others) do owners[#owners + 1] = owner end
  table.sort(owners)
  for _, owner in ipairs(owners) do
    if #others[owner] > #most then most = others[owner] end
  end
  return most
end

--- One of some leases that its owner can be asked for: it has one, whom nobody else has asked yet.
---@param view dynamodb.BalanceView
---@param ids string[]
---@param random fun(): number
---@return dynamodb.Lease?
local function one_to_ask_for(view, ids, random)
  local some = {}
  for _, id in ipairs(ids) do
    local lease = view.leases[id]
    if lease.owner and not lease.wanted_by then some[#some + 1] = lease end
  end
  return some[math.floor(random() * #some) + 1]
end

--- Decides. Each takes its share of what nobody has, rounded up; who has less than its share rounded down, and less by
--- two than somebody else, asks for one.
---@param view dynamodb.BalanceView
---@param sightings table<string, dynamodb.Sighting>
---@param random fun(): number    so that two who look at the same time do not grasp for the same
---@return dynamodb.Balance
function balance.decide(view, sightings, random)
  local found = survey(view, sightings)
  local consumers = 1
  for _ in pairs(found.others) do consumers = consumers + 1 end
  local share = math.ceil(found.active / consumers)
  local decided = { take = {}, due = found.due }
  local free, first = found.free, math.floor(random() * #found.free)
  for i = 1, math.min(#free, share - found.mine) do
    decided.take[i] = free[(first + i - 1) % #free + 1]
  end
  local most = most_loaded(found.others)
  if #free == 0 and not found.asked and found.mine < math.floor(found.active / consumers)
    and #most >= found.mine + 2 then
    decided.request = one_to_ask_for(view, most, random)
  end
  return decided
end

return balance
