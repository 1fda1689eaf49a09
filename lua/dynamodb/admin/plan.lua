--- The difference between a table as it is and as it is to be: steps in the order in which they can be taken.
---
--- A step is one change, and what is sent for it: DynamoDB takes one change of an index at a time, and a table at rest.
local describe = require "dynamodb.admin.description"
local errors = require "dynamodb.error"
local index_steps = require "dynamodb.admin.index_steps"
local members = require "dynamodb.admin.members"
local steps = require "dynamodb.admin.steps"

local plan = {}

---@class dynamodb.TableState    a table as it is
---@field about dynamodb.TableDescription    with ttl and tags, if the spec has them
---@field keys dynamodb.Schema

--- What is wanted has other keys than the table.
local function check_key(made, spec, state)
  local keys = state.keys
  if spec.partition and (spec.partition ~= keys.partition or spec.sort ~= keys.sort) then
    made:refuse("the key is %s and cannot become %s", describe.key_in_words(keys.partition, keys.sort, {}),
      describe.key_in_words(spec.partition, spec.sort, {}))
    return
  end
  for _, name in ipairs { keys.partition, keys.sort } do
    local wanted = spec.types[name]
    if wanted and keys.types[name] and wanted ~= keys.types[name] then
      made:refuse("the key's %s is of type %s and cannot become %s", name, keys.types[name], wanted)
    end
  end
end

--- One setting of UpdateTable that is this and is to be that.
local function add_setting(made, what, is, wanted, params)
  made:add("change", what, nil, ("%s: %s -> %s"):format(what, is, wanted), { "UpdateTable", params })
end

local function plan_billing(made, spec, state)
  local wanted, is = spec.billing, state.about.billing
  if wanted == nil or wanted == "on_demand" and is == "on_demand" then return end
  if type(wanted) == "table" and type(is) == "table" and wanted.read == is.read and wanted.write == is.write then
    return
  end
  local params = {}
  if wanted == "on_demand" then
    params.BillingMode = "PAY_PER_REQUEST"
  else
    params.ProvisionedThroughput = members.throughput(wanted.read, wanted.write)
    if is == "on_demand" then
      params.BillingMode = "PROVISIONED"
      params.GlobalSecondaryIndexUpdates = index_steps.first_capacities(spec, state)
    end
  end
  add_setting(made, "billing", describe.billing_in_words(is), describe.billing_in_words(wanted), params)
end

--- A stream's view is its for life: another one is another stream.
local function plan_stream(made, spec, state)
  local wanted, is = spec.stream, state.about.stream
  local view = is and is.view
  if wanted == nil or wanted == view then return end
  local requests = {}
  if view then requests[1] = { "UpdateTable", { StreamSpecification = members.stream(false) } } end
  if wanted then
    requests[#requests + 1] = { "UpdateTable", { StreamSpecification = members.stream(wanted) } }
  end
  local text = ("stream: %s -> %s"):format(view or "off", wanted or "off")
  made:add("change", "stream", nil, text, (table.unpack or unpack)(requests))
end

--- Is the table encrypted as is wanted? An alias cannot be compared with the key that it stands for.
local function has_encryption(wanted, is)
  if type(wanted) ~= "string" or not is then return (wanted ~= false) == (is ~= false) end
  return wanted:find("alias/", 1, true) ~= nil or is == wanted or is:match "[^/]*$" == wanted
end

local function plan_settings(made, spec, state)
  local about = state.about
  if spec.encryption ~= nil and not has_encryption(spec.encryption, about.encryption) then
    local function in_words(key) return key == false and "DynamoDB's key" or key == true and "AWS's key" or key end
    add_setting(made, "encryption", in_words(about.encryption), in_words(spec.encryption),
      { SSESpecification = members.encryption(spec.encryption) })
  end
  if spec.table_class ~= nil and spec.table_class ~= about.table_class then
    add_setting(made, "table_class", about.table_class, spec.table_class, { TableClass = spec.table_class })
  end
  if spec.deletion_protection ~= nil and spec.deletion_protection ~= about.deletion_protection then
    add_setting(made, "deletion_protection", about.deletion_protection and "on" or "off",
      spec.deletion_protection and "on" or "off", { DeletionProtectionEnabled = spec.deletion_protection })
  end
end

--- The time to live of a table that has none of another attribute.
local function add_ttl(made, attribute, enabled)
  local text = enabled and ('ttl: off -> "%s"'):format(attribute) or ('ttl: "%s" -> off'):format(attribute)
  made:add("change", "ttl", nil, text, { "UpdateTimeToLive", {
    TimeToLiveSpecification = { Enabled = enabled, AttributeName = attribute },
  } })
end

local function plan_ttl(made, spec, state)
  local wanted, is = spec.ttl, state.about.ttl
  if wanted == nil then return end
  local attribute = (is.status == "ENABLED" or is.status == "ENABLING") and is.attribute
  if wanted == attribute then return end
  if wanted and attribute then
    made:refuse('ttl is on for %q and cannot become %q at once: turn it off (ttl = false), and an hour later on again',
      attribute, wanted)
  elseif wanted or attribute then
    add_ttl(made, wanted or attribute, wanted ~= false)
  end
end

--- The tags that are to be set, and a line for each.
local function new_tags(wanted, is)
  local set, lines = {}, {}
  for _, name in ipairs(members.sorted(wanted)) do
    local text = wanted[name]
    if text and text ~= is[name] then
      set[name] = text
      lines[#lines + 1] = is[name] and ("~ tag %s: %q -> %q"):format(name, is[name], text)
        or ("+ tag %s: %q"):format(name, text)
    end
  end
  return set, lines
end

--- The tags that have to go, and a line for each.
local function stale_tags(wanted, is, prune)
  local names, lines = {}, {}
  for _, name in ipairs(members.sorted(is)) do
    -- Those of AWS's own (aws:cloudformation:stack-name) cannot be removed.
    local stale = prune and wanted[name] == nil and name:sub(1, 4) ~= "aws:"
    if stale or wanted[name] == false then
      names[#names + 1] = name
      lines[#lines + 1] = "- tag " .. name
    end
  end
  return names, lines
end

local function plan_tags(made, spec, state, prune)
  local is, arn = state.about.tags or {}, state.about.arn
  local set, lines = new_tags(spec.tags, is)
  if lines[1] then
    made:add("change", "tags", nil, lines, { "TagResource", { ResourceArn = arn, Tags = members.tags(set) } })
  end
  local names, removals = stale_tags(spec.tags, is, prune)
  if names[1] then
    made:add("remove", "tags", nil, removals, { "UntagResource", { ResourceArn = arn, TagKeys = names } })
  end
end

--- The steps to a table that is not there.
local function plan_creation(made, spec)
  local lines = { ("+ table %s %s %s"):format(spec.name, describe.key_in_words(spec.partition, spec.sort, spec.types),
    describe.billing_in_words(spec.billing or "on_demand")) }
  for _, name in ipairs(members.sorted(spec.indexes)) do
    local index = spec.indexes[name]
    if index then lines[#lines + 1] = "+ " .. index_steps.in_words(name, index, spec.types) end
  end
  for _, name in ipairs { "stream", "encryption", "table_class", "deletion_protection" } do
    if spec[name] then lines[#lines + 1] = ("+ %s %s"):format(name, spec[name] == true and "on" or spec[name]) end
  end
  for _, line in ipairs(select(2, new_tags(spec.tags, {}))) do lines[#lines + 1] = line end
  made:add("add", "table", spec.name, lines, { "CreateTable", members.create(spec) })
  if spec.ttl then add_ttl(made, spec.ttl, true) end
end

--- The difference.
---@param spec table         checked; without a partition it is a table's changes
---@param name string        of the table, as requests name it
---@param state dynamodb.TableState?    nil: there is no table
---@param options table      replace_indexes, prune
---@return dynamodb.Plan?
---@return dynamodb.Error?    code ImpossibleChange, with `problems`, if not all of it can be done
function plan.make(spec, name, state, options)
  local made = steps.new(name)
  if not state then
    plan_creation(made, spec)
    return made
  end
  check_key(made, spec, state)
  plan_billing(made, spec, state)
  index_steps.add(made, spec, state, options)
  plan_stream(made, spec, state)
  plan_settings(made, spec, state)
  if next(spec.raw) ~= nil and not spec.partition then
    made:add("change", "raw", nil, "raw: " .. table.concat(members.sorted(spec.raw), ", "), { "UpdateTable", spec.raw })
  end
  plan_ttl(made, spec, state)
  plan_tags(made, spec, state, options.prune)
  if not made.problems[1] then return made end
  return nil, errors.new {
    code = "ImpossibleChange", retryable = false, sent = false, problems = made.problems,
    message = ("table %s: %s"):format(made.table, table.concat(made.problems, "; ")),
  }
end

return plan
