--- A plan: a list of steps that prints as lines which people read before they agree.
local steps = {}

---@class dynamodb.PlanStep    `tostring` gives its lines
---@field action "add"|"remove"|"change"
---@field what string        "table", "index", "billing", "stream", "encryption", "table_class", "deletion_protection",
---                          "ttl", "tags" or "raw"
---@field name string?       of the table or the index
---@field requests table[]   what is sent for it: `{ operation =, params = }`
local step_mt = { __name = "dynamodb.PlanStep" }

function step_mt:__tostring() return table.concat(self.lines, "\n") end

---@class dynamodb.Plan      a list of steps; `#plan == 0` when there is nothing to do, `tostring` gives its lines
---@field table string       the table's name
---@field problems string[]  what cannot be done
local plan_methods = {}
local plan_mt = { __name = "dynamodb.Plan", __index = plan_methods }

function plan_mt:__tostring()
  if not self[1] then return ("table %s: nothing to do"):format(self.table) end
  local lines = {}
  for i, step in ipairs(self) do lines[i] = tostring(step) end
  return table.concat(lines, "\n")
end

local SIGNS = { add = "+ ", remove = "- ", change = "~ " }

--- Adds a step.
---@private
---@param action "add"|"remove"|"change"
---@param what string
---@param name string?
---@param text string|string[]    its line without the sign, or its lines with it
---@param ... table               its requests, `{ operation, params }`; the table's name is added where it is missing
function plan_methods:add(action, what, name, text, ...)
  local lines, requests = text, {}
  if type(text) == "string" then lines = { SIGNS[action] .. text } end
  for i, request in ipairs { ... } do
    local params = {}
    if not request[2].ResourceArn then params.TableName = self.table end
    for member, value in pairs(request[2]) do params[member] = value end
    requests[i] = { operation = request[1], params = params }
  end
  self[#self + 1] = setmetatable({ action = action, what = what, name = name, lines = lines, requests = requests },
    step_mt)
end

--- Notes what cannot be done.
---@private
---@param text string
---@param ... any    for its places
function plan_methods:refuse(text, ...)
  self.problems[#self.problems + 1] = text:format(...)
end

--- Has it this step, as it reads?
---@private
---@param step dynamodb.PlanStep
---@return boolean
function plan_methods:has(step)
  for _, own in ipairs(self) do
    if tostring(own) == tostring(step) then return true end
  end
  return false
end

--- A plan without steps.
---@param name string    of the table, as requests name it
---@return dynamodb.Plan
function steps.new(name)
  return setmetatable({ table = name, problems = {} }, plan_mt)
end

return steps
