--- What is to be done about a stream's shards, told from what was listed and from the leases that there are. Nothing is
--- asked and nothing is sent here.
---
--- A shard is read only when its parent has been read to its end, so that the changes of an item stay in order. The
--- listing is not to be relied on: it may lack shards, show a parent as open whose children are there, or a closed
--- shard whose children are not there yet. So a shard gets its lease only when nothing is open about its parent, and
--- - a shard without a lease of which a descendant has one has been passed: it is never read again;
--- - one that is not listed is asked for itself (`probe`) before it is taken for trimmed;
--- - a lease is removed when all of the shard's children have been read, and the service does not have it any more.
--- Source: DescribeStream in the API reference; "Using the DynamoDB Streams Kinesis adapter" in DynamoDB's guide.
local planner = {}

---@class dynamodb.Shard
---@field parent string?
---@field closed boolean?    nothing is added to it any more
---@field listed boolean?    is it in the latest listing?
---@field missed integer?    listings in a row that lack it

---@class dynamodb.Lease
---@field id string                of the shard
---@field parent string?
---@field checkpoint string        "TRIM_HORIZON", "LATEST", "SHARD_END", or the sequence number of the last record done
---@field iterator string?         of LATEST: where that was
---@field since number?            of one that was begun with LATEST: when that was, seconds since 1970
---@field owner string?            the consumer that reads it
---@field counter integer?         of its writes
---@field wanted_by string?        the consumer that asks for it
---@field written table?           when this consumer's last write of it that is known to be done began

---@class dynamodb.StreamView
---@field shards table<string, dynamodb.Shard>     all that are known
---@field leases table<string, dynamodb.Lease>
---@field gone table<string, boolean>              shards that the service does not have any more
---@field from "TRIM_HORIZON"|"LATEST"             where a stream without leases is begun
---@field ended boolean                            the stream is disabled: no shard will be added

---@class dynamodb.StreamPlan
---@field create dynamodb.Lease[]    parents before children
---@field ready table<string, true>  shards to be read now
---@field probe string[]             shards to be asked for: are they there?
---@field search string[]            shards that have been read, whose children are not known
---@field remove string[]            leases that are not needed any more
---@field done boolean               all that is known has been read, and nothing will be added

---@param map table<string, any>
---@return string[]
local function sorted(map)
  local list = {}
  for name in pairs(map) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- Has the shard been read to its end?
---@param lease dynamodb.Lease?
---@return boolean
function planner.is_finished(lease)
  return lease ~= nil and lease.checkpoint == "SHARD_END"
end

local is_finished = planner.is_finished

--- The children of each shard, as far as shards and leases tell.
---@param view dynamodb.StreamView
---@return table<string, string[]>
local function children_of(view)
  local children, seen = {}, {}
  local function add(id, parent)
    if not parent or parent == id or seen[id] then return end
    seen[id] = true
    children[parent] = children[parent] or {}
    table.insert(children[parent], id)
  end
  for _, id in ipairs(sorted(view.shards)) do add(id, view.shards[id].parent) end
  for _, id in ipairs(sorted(view.leases)) do add(id, view.leases[id].parent) end
  return children
end

--- Does a descendant of the shard have a lease?
---@param self table    view, children, passed
---@param id string
---@return boolean
local function is_passed(self, id)
  local known = self.passed[id]
  if known ~= nil then return known end
  self.passed[id] = false -- also ends a circle
  for _, child in ipairs(self.children[id] or {}) do
    if self.view.leases[child] or is_passed(self, child) then
      self.passed[id] = true
      break
    end
  end
  return self.passed[id]
end

---@param self table
---@param id string
---@param checkpoint "TRIM_HORIZON"|"LATEST"
---@param since number?    of LATEST, if that is not now
local function create(self, id, checkpoint, since)
  self.created[id] = true
  table.insert(self.plan.create,
    { id = id, parent = self.view.shards[id].parent, checkpoint = checkpoint, since = since })
end

--- When the stream was begun with LATEST, as far as its leases tell.
---@param view dynamodb.StreamView
---@return number? since
local function beginning(view)
  local since
  for _, lease in pairs(view.from == "LATEST" and view.leases or {}) do
    if lease.since then since = math.min(since or lease.since, lease.since) end
  end
  return since
end

--- A shard gets a lease, if it shall have one and nothing is open about its parent.
---@param self table
---@param id string
---@return boolean settled    nothing is open about it
local function consider(self, id)
  local view = self.view
  if self.created[id] or view.leases[id] or is_passed(self, id) then return true end
  if self.visited[id] then return false end
  self.visited[id] = true
  local shard = view.shards[id]
  if not (shard and shard.listed) then -- trimmed, or forgotten by the listing
    if view.gone[id] then return true end
    self.probed[id] = true
    return false
  end
  local parent = shard.parent
  local settled = parent == nil or parent == id or view.gone[parent] or consider(self, parent)
  if settled then
    -- Somebody else begins the stream right now, or has died over it: what has no lease begins where the others did.
    local before = parent and view.leases[parent]
    local is_late = self.since and (not before or before.checkpoint == "LATEST")
    create(self, id, is_late and "LATEST" or "TRIM_HORIZON", is_late and self.since or nil)
  end
  return settled
end

--- The shards that nothing comes after.
---@param self table
local function create_leaves(self)
  for _, id in ipairs(sorted(self.view.shards)) do
    if not self.children[id] and self.view.shards[id].listed then create(self, id, "LATEST") end
  end
end

--- Nothing is lost when the lease of a shard that has been read goes: whatever comes after it has been read, too.
---@param self table
---@param id string
---@return boolean
local function is_superseded(self, id)
  for _, child in ipairs(self.children[id] or {}) do
    if not is_finished(self.view.leases[child]) and not is_passed(self, child) then return false end
  end
  return true
end

--- Which leases can be read, which are over, and of which the children are missing.
---@param self table
local function review(self)
  local view, plan = self.view, self.plan
  for _, id in ipairs(sorted(view.leases)) do
    local lease, shard = view.leases[id], view.shards[id]
    local parent = lease.parent or shard and shard.parent
    parent = parent and parent ~= id and view.leases[parent]
    if not is_finished(lease) then
      plan.done = false
      if not parent or is_finished(parent) then plan.ready[id] = true end
    elseif not self.children[id] and not view.gone[id] then
      plan.search[#plan.search + 1] = id
      if not (shard and shard.listed) then self.probed[id] = true end -- nothing is found of one that is gone
    elseif not (shard and shard.listed) and is_superseded(self, id) then
      if view.gone[id] then
        plan.remove[#plan.remove + 1] = id
      else
        self.probed[id] = true
      end
    end
  end
end

--- Plans.
---@param view dynamodb.StreamView    is not changed
---@return dynamodb.StreamPlan
function planner.plan(view)
  local plan = { create = {}, ready = {}, probe = {}, search = {}, remove = {}, done = view.ended }
  local self = {
    view = view, plan = plan, children = children_of(view), passed = {}, created = {}, visited = {}, probed = {},
    since = beginning(view),
  }
  if view.from == "LATEST" and next(view.leases) == nil then
    create_leaves(self)
  else
    for _, id in ipairs(sorted(view.shards)) do consider(self, id) end
  end
  plan.done = plan.done and plan.create[1] == nil and next(self.probed) == nil
  review(self)
  plan.probe = sorted(self.probed)
  return plan
end

return planner
