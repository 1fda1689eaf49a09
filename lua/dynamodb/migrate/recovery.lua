--- What an earlier run was about to write when it ended. An item that is as the intent says is done; one that is still
--- as it was read is written now; any other one is somebody else's since. There the mark tells whether the intent was
--- carried out before that; without a mark nobody can tell, and the item goes to the list of conflicts.
local bulk = require "dynamodb.migrate.bulk"
local images = require "dynamodb.migrate.images"
local mapper = require "dynamodb.migrate.mapper"

local GROUP = 100

---@param self dynamodb.Migration
---@param key table
---@return table?
---@return dynamodb.Error?
local function read_one(self, key)
  local item, err = self.table:get(key, { consistent = true })
  while err and self.job:wait_after(err) do item, err = self.table:get(key, { consistent = true }) end
  return item, err
end

--- Was the item re-keyed as the intent says?
local function is_rekeyed(self, record)
  local there, err = read_one(self, images.key(record.new, self.rules.keys))
  if err then return nil, err end
  return there ~= nil and (images.same(there, record.new) or mapper.is_marked(self.rules, there))
end

--- What is to be done about an intent.
---@param record dynamodb.UndoRecord
---@param current table?
---@return "done"|"apply"|"gone"|"again"|"conflict"|nil
---@return dynamodb.Error?
local function judge(self, record, current)
  local keys, new = self.rules.keys, record.new
  if new and images.id(new, keys) ~= images.id(record.key, keys) then
    if current ~= nil then return images.same(current, record.old) and "apply" or "again" end
    local is_done, err = is_rekeyed(self, record)
    if err then return nil, err end
    return is_done and "done" or "gone"
  end
  if images.same(current, new) then return "done" end
  if current == nil then return "gone" end
  if mapper.is_marked(self.rules, current) then return "done" end
  if images.same(current, record.old) then return "apply" end
  return self.rules.mark and "again" or "conflict"
end

--- One group of intents.
---@param self dynamodb.Migration
---@param records dynamodb.UndoRecord[]
---@return true?
---@return dynamodb.Error?
local function settle(self, records)
  local job, keys = self.job, {}
  for i, record in ipairs(records) do keys[i] = record.key end
  local found, err = bulk.get(job, self.table, keys, { consistent = true })
  if not found then return nil, err end
  local steps, outcomes = {}, {}
  for i, record in ipairs(records) do
    local verdict
    verdict, err = judge(self, record, found[i] or nil)
    if err then return nil, err end
    local step, message = images.step(self.rules, record.old, record.new)
    if not step then return self:fail(record.key, "Unguarded", message or "the intent changes nothing") end
    step.offset = record.offset
    if verdict == "apply" then
      steps[#steps + 1] = step
    else
      outcomes[step] = { what = verdict }
    end
  end
  local taken, failure = self.writer:take_all(steps)
  for i, step in ipairs(steps) do outcomes[step] = taken[i] end
  for step, outcome in pairs(outcomes) do
    -- The scan will meet the item again, and knows it by its mark if there is one. What is to be mapped again is mapped
    -- then.
    if outcome.what ~= "again" then
      job:count "seen"
      if not self.rules.mark then self.settled[step.id] = true end
    end
    local ok
    ok, err = self:settle(step, outcome, {})
    if not ok then return nil, err end
  end
  return not failure, failure
end

local recovery = {}

--- Sees to the intents from an offset of the log on.
---@param self dynamodb.Migration
---@param from integer
---@return true?
---@return dynamodb.Error?
function recovery.run(self, from)
  local void = {}
  local ok, err = self.log:read(from, function(record)
    if record.void then void[record.void] = true end
    return true
  end)
  if not ok then return nil, err end
  local group = {}
  ok, err = self.log:read(from, function(record)
    if record.void or void[record.offset] then return true end
    group[#group + 1] = record
    if #group < GROUP then return true end
    local records = group
    group = {}
    return settle(self, records)
  end)
  if not ok then return nil, err end
  if not group[1] then return true end
  return settle(self, group)
end

return recovery
