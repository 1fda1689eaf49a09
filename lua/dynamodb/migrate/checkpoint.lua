--- The checkpoint of a job: a small file of JSON that says how far it is. It is replaced as a whole, so that there is
--- always one to go on from.
local core = require "dynamodb.core"
local files = require "dynamodb.migrate.files"

local checkpoint = {}

local FORMAT = 1

---@class dynamodb.Checkpoint
---@field path string
---@field kind string                        of the job
---@field identity table<string, any>        what must be the same for the state to mean something

--- Which part of the identity is another one?
---@param stored table
---@param identity table
---@return string?
local function difference(stored, identity)
  for name, value in pairs(identity) do
    if stored[name] ~= value then return name end
  end
  for name in pairs(stored) do
    if identity[name] == nil then return name end
  end
end

--- The state that was saved.
---@param self dynamodb.Checkpoint
---@return table? state      nil without an error: there is none yet
---@return dynamodb.Error?   code FileError, or CheckpointMismatch if it is another job's
function checkpoint.load(self)
  local text, err = files.read(self.path)
  if not text then return nil, err end
  local content = core.json_decode(text)
  if type(content) ~= "table" or type(content.state) ~= "table" or type(content.identity) ~= "table" then
    return nil, files.failure(self.path, "this is not a checkpoint")
  end
  if content.format ~= FORMAT then
    return nil, files.failure(self.path, "the checkpoint was written by another version", "CheckpointMismatch")
  end
  local part = content.kind ~= self.kind and "kind" or difference(content.identity, self.identity)
  if not part then return content.state end
  local was, is = content.identity[part], self.identity[part]
  if part == "kind" then was, is = content.kind, self.kind end
  if was == nil then was = "none" elseif is == nil then is = "none" end
  return nil, files.failure(self.path,
    ("the checkpoint is another job's: its %s is %s, not %s"):format(part, tostring(was), tostring(is)),
    "CheckpointMismatch")
end

--- Saves the state.
---@param self dynamodb.Checkpoint
---@param state table
---@return true?
---@return dynamodb.Error?
function checkpoint.save(self, state)
  return files.replace(self.path, core.json_encode {
    format = FORMAT, kind = self.kind, identity = self.identity, state = state,
  } .. "\n")
end

return checkpoint
