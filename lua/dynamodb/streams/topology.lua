--- What a consumer knows of a stream's shards, kept up to date: it lists them when that is due, and does with their
--- leases what the planner says.
local errors = require "dynamodb.error"
local is_passing = require "dynamodb.streams.passing"
local planner = require "dynamodb.streams.planner"
local readers = require "dynamodb.streams.reader"
local shards = require "dynamodb.streams.shards"

local topology_methods = {}
local topology_mt = { __name = "dynamodb.Topology", __index = topology_methods }

---@class dynamodb.Topology
---@field client dynamodb.Client
---@field arn string
---@field store table                            the leases
---@field from "TRIM_HORIZON"|"LATEST"
---@field shards table<string, dynamodb.Shard>
---@field gone table<string, boolean>
---@field alive table<string, integer>           how often a shard was there that is not listed
---@field ended boolean
---@field over table<string, true>               the shards that were known to have been read
---@field due number                             when it is to be listed again
---@field pause number                           seconds until then, while something is or may be missing
---@field quiet integer                          listings in a row of a disabled stream in which all has been read

local WHOLE = 60                  -- seconds between two listings. Source: the Streams adapter
local FIRST, LONGEST = 0.1, 5     -- seconds while something is missing: from, to
local PATIENCE = 10               -- listings that may lack a shard that is there
local QUIET = 5                   -- listings of a disabled stream that have to have nothing new
local TRIMMED = 100               -- listings in a row that lack a shard until it is forgotten
local ROUNDS = 20                 -- plans that follow from each other

--- Lists all shards.
---@param self dynamodb.Topology
---@return boolean? ok
---@return dynamodb.Error?
local function list(self)
  local listing, err = shards.list(self.client, self.arn)
  if not listing then return nil, err end
  for id, shard in pairs(self.shards) do
    shard.listed, shard.missed = false, (shard.missed or 0) + 1
    if self.gone[id] then self.shards[id] = nil end
  end
  for id, shard in pairs(listing.shards) do
    shard.listed = true
    self.shards[id] = shard
  end
  self.ended = listing.ended
  return true
end

--- Asks for a shard that is not listed.
---@param self dynamodb.Topology
---@param id string
---@return boolean? ok
---@return dynamodb.Error?
local function probe(self, id)
  local answer, err = self.client:perform("GetShardIterator",
    { StreamArn = self.arn, ShardId = id, ShardIteratorType = "TRIM_HORIZON" }, {})
  if answer then
    self.alive[id] = (self.alive[id] or 0) + 1
    if self.alive[id] >= PATIENCE then
      self.shards[id] = self.shards[id] or {}
      self.shards[id].listed = true
    end
    return true
  end
  if not err:is "ResourceNotFound" and not err:is "TrimmedDataAccess" then return nil, err end
  self.gone[id] = true
  return true
end

--- Makes a lease. The place of LATEST is that of now, whoever reads it, and when, unless it is known since when.
---@param self dynamodb.Topology
---@param lease dynamodb.Lease
---@return boolean? ok
---@return dynamodb.Error?
local function create(self, lease)
  if lease.checkpoint == "LATEST" and not lease.since then
    local reader = readers.new(self.client, self.arn, lease, 1)
    local iterator, err = reader:place()
    if not iterator and err:is "ResourceNotFound" then
      self.shards[lease.id] = nil -- trimmed since it was listed
      return true
    end
    if not iterator then return nil, err end
    lease.iterator, lease.since = iterator, reader.since
  end
  return self.store:create(lease)
end

--- Does what a plan says; `changed` tells whether another plan would say more.
---@param self dynamodb.Topology
---@param plan dynamodb.StreamPlan
---@return boolean? changed
---@return dynamodb.Error?
local function carry_out(self, plan)
  local changed = false
  for _, lease in ipairs(plan.create) do
    local ok, err = create(self, lease)
    if not ok then return nil, err end
    changed = true
  end
  for _, id in ipairs(plan.probe) do
    local ok, err = probe(self, id)
    if not ok then return nil, err end
    changed = changed or self.gone[id] or self.alive[id] >= PATIENCE
  end
  for _, id in ipairs(plan.search) do
    local children, err = shards.children(self.client, self.arn, id)
    if not children then return nil, err end
    for child, shard in pairs(children) do
      self.shards[child], changed = self.shards[child] or shard, true
      self.shards[child].listed = true
    end
  end
  for _, id in ipairs(plan.remove) do
    local ok, err = self.store:remove(id)
    if not ok then return nil, err end
    changed = true
  end
  return changed
end

--- Is something missing that the next listing may have?
---@param self dynamodb.Topology
---@param plan dynamodb.StreamPlan
---@return boolean
local function is_incomplete(self, plan)
  if plan.search[1] or plan.done or next(self.shards) == nil then return true end
  for _, id in ipairs(plan.probe) do
    if not self.shards[id] then return true end
  end
  return false
end

--- The next listing is to be soon, and some more behind it, which may have what that one lacks: a shard has ended.
function topology_methods:hurry()
  self.due, self.pause = math.min(self.due, self.client:now()), FIRST
end

--- The service says that it does not have the shard.
---@param id string
function topology_methods:forget(id)
  self.gone[id] = true
end

--- Makes the leases of a shard's children before it counts as read: who dies then leaves them to the next one, and
--- whoever comes when they are trimmed sees that they were not read. What is not found now is looked for by `step`.
---@param id string
function topology_methods:adopt(id)
  for child, shard in pairs(shards.children(self.client, self.arn, id) or {}) do
    self.shards[child] = self.shards[child] or shard
    self.shards[child].listed = true
    self.store:create { id = child, parent = id, checkpoint = "TRIM_HORIZON" }
  end
end

--- May more be added to the shard?
---@param id string
---@return boolean
function topology_methods:is_open(id)
  local shard = self.shards[id]
  return not (shard and shard.closed)
end

--- Notes which shards have been read since this was asked last. Who has read one sees to its children, unless it has
--- died before.
---@param self dynamodb.Topology
---@param leases table<string, dynamodb.Lease>
---@return string[] some       of which a child has a lease: all may have, or not
---@return boolean none        is there one of which no child has?
local function newly_over(self, leases)
  local over, is_parent, some, none = {}, {}, {}, false
  for _, lease in pairs(leases) do is_parent[lease.parent or ""] = true end
  for id, lease in pairs(leases) do
    if planner.is_finished(lease) then
      over[id] = true
      if not self.over[id] and is_parent[id] then some[#some + 1] = id end
      none = none or not self.over[id] and not is_parent[id]
    end
  end
  self.over = over
  return some, none
end

--- Forgets the shards that nothing can depend on any more, the oldest first: a stream has new ones for ever.
---@param self dynamodb.Topology
---@param leases table<string, dynamodb.Lease>
local function tidy(self, leases)
  local known = {} -- or the parent of one that is
  for id, lease in pairs(leases) do known[id], known[lease.parent or id] = true, true end
  for id, shard in pairs(self.shards) do
    local is_oldest = not (shard.parent and self.shards[shard.parent])
    if is_oldest and (shard.missed or 0) > TRIMMED and not leases[id] then
      self.shards[id] = nil
    else
      known[id], known[shard.parent or id] = true, true
    end
  end
  for _, map in ipairs { self.gone, self.alive } do
    for id in pairs(map) do map[id] = known[id] and map[id] or nil end
  end
end

--- Brings shards and leases up to date.
---@return dynamodb.StreamPlan?
---@return dynamodb.Error?
---@return table<string, dynamodb.Lease>? leases
function topology_methods:step()
  local is_due = self.client:now() >= self.due
  if is_due then
    local ok, err = list(self)
    if not ok and not (is_passing(err) and next(self.shards)) then return nil, err end
    if not ok then -- what is known has to be read all the same
      is_due, self.due = false, self.client:now() + self.pause
      self.pause = math.min(self.pause * 2, LONGEST)
    end
  end
  local plan
  for _ = 1, ROUNDS do
    local leases, err = self.store:load()
    if not leases then return nil, err end
    local some, none = newly_over(self, leases)
    plan = planner.plan { shards = self.shards, leases = leases, gone = self.gone, from = self.from,
      ended = self.ended }
    local changed
    -- Between two listings nothing is asked for that was asked for already.
    if not is_due then plan.probe, plan.search = {}, some end
    if none and not is_due then self:hurry() end
    changed, err = carry_out(self, plan)
    if err then
      self:hurry()
      return nil, err
    end
    if not changed then
      if is_due then
        tidy(self, leases)
        self.quiet = plan.done and self.quiet + 1 or 0
        self.pause = math.min(self.pause * 2, LONGEST)
        local soon = self.pause < LONGEST or is_incomplete(self, plan)
        self.due = self.client:now() + (soon and self.pause or WHOLE)
      end
      plan.done = plan.done and self.quiet >= QUIET
      return plan, nil, leases
    end
  end
  return nil, errors.new {
    code = "ResponseError", message = "what the service says of the stream's shards does not settle", retryable = true,
    operation = "DescribeStream", sent = true,
  }
end

--- Nothing is known yet, and nothing is sent.
---@param client dynamodb.Client
---@param arn string
---@param store table    the leases
---@param from "TRIM_HORIZON"|"LATEST"
---@return dynamodb.Topology
local function new(client, arn, store, from)
  return setmetatable({
    client = client, arn = arn, store = store, from = from,
    shards = {}, gone = {}, alive = {}, over = {}, ended = false, due = -math.huge, pause = FIRST, quiet = 0,
  }, topology_mt)
end

return { new = new }
