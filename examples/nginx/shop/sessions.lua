--- Sessions: who is logged in, with an end that moves on as long as there are requests.
---
--- A session's id is 256 random bits. DynamoDB gets its hash only: who reads the table cannot take a session over. What
--- has expired is deleted by DynamoDB within days, so that expiry is checked here. The end is moved when half of the
--- time is over, which makes one write of many requests.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local tables = require "shop.tables"

local LIFE = 3600 -- seconds without a request

-- A session that another machine ends is alive here for two seconds more.
local items = tables.open("sessions"):cached { dict = "dynamodb", ttl = 2, stale = 60, negative = 1 }

local sessions = {}

local function key_of(id) return { pk = core.sha256(id) } end

--- Begins one.
---@param data table      what is to be known of it
---@return string? id     for the client, and nobody else
---@return dynamodb.Error?
function sessions.create(data)
  local id = core.base64(core.random(32)):gsub("+", "-"):gsub("/", "_"):gsub("=", "")
  local item = key_of(id)
  item.data, item.expires = data, dynamodb.time.ttl(LIFE)
  local ok, err = items:create(item)
  return ok and id, err
end

--- Moves its end, unless it has moved meanwhile.
local function extend(id, session)
  local expires = dynamodb.time.ttl(LIFE)
  local ok, err = items:update(key_of(id), { set = { expires = expires } }, { where = { expires = session.expires } })
  if ok then
    session.expires = expires
  elseif not err:is "ConditionalCheckFailed" then -- another request was first, or it has ended
    ngx.log(ngx.WARN, "a session is not extended: ", tostring(err))
  end
end

--- The session of this id.
---@param id string?
---@return table? session    data, expires; nil without an error if there is none
---@return dynamodb.Error?
function sessions.find(id)
  if not id then return nil end
  local session, err = items:get(key_of(id))
  if not session or dynamodb.time.expired(session, "expires") then return nil, err end
  if session.expires - ngx.time() < LIFE / 2 then extend(id, session) end
  return session
end

--- Ends one; that there is none is no failure.
---@param id string?
---@return true?
---@return dynamodb.Error?
function sessions.destroy(id)
  if not id then return true end
  return items:delete(key_of(id))
end

return sessions
