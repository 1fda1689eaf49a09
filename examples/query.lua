-- A tour of queries: messages of chat rooms, by time and by author.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/query.lua       or the endpoint as its argument
--
-- Without an endpoint it talks to DynamoDB itself, with whatever credentials and region the environment has.
local dynamodb = require "dynamodb"

local e = dynamodb.expr

-- For an engine on this machine any credentials and any region will do.
local endpoint = arg and arg[1] or os.getenv "AWS_ENDPOINT_URL"
local options = { endpoint = endpoint }
if endpoint then
  options.region = os.getenv "AWS_REGION" or "us-east-1"
  if not os.getenv "AWS_ACCESS_KEY_ID" then
    options.access_key_id, options.secret_access_key = "query", "query"
  end
end

local db = dynamodb.connect(options)
local spec = {
  name = "dynamodb-query-" .. os.time(), partition = "room", sort = "sent", types = { sent = "N" },
  indexes = { byAuthor = { partition = "author", sort = "sent", projection = "KEYS_ONLY" } },
}
local messages = db:table(spec.name, spec)
local by_author = messages:index "byAuthor" -- it has the keys alone

local COUNT = 120 -- of messages in the room "lua"; sent at 1, 2, 3 …

local function say(format, ...)
  print(format:format(...))
end

local function write_messages()
  local sent = 0
  assert(messages:put_all(function()
    sent = sent + 1
    if sent <= COUNT then
      return {
        room = "lua", sent = sent, author = sent % 3 == 0 and "ada" or "charles", text = "message " .. sent,
        likes = sent % 10, address = { city = "London", street = "Dorset Street" },
      }
    end
  end))
end

--- Items of one partition, in the order of the sort key; pages are fetched as the loop needs them, one ahead.
local function iterate()
  local texts = {}
  for message in messages:query({ room = "lua", sent = e.le(3) }) do texts[#texts + 1] = message.text end
  say("for        %s", table.concat(texts, ", "))
  assert(#texts == 3)

  local newest = assert(messages:query({ room = "lua" }, { reverse = true }):first())
  say("first      in reverse: %s", newest.text)
  assert(newest.sent == COUNT)

  local range = assert(messages:query({ room = "lua", sent = e.between(10, 19) }):all())
  say("all        between 10 and 19: a list of %d", #range)
  assert(#range == 10)

  local sizes = {}
  for page in messages:query({ room = "lua" }, { page_size = 50 }):pages() do sizes[#sizes + 1] = #page.items end
  say("pages      of %s items", table.concat(sizes, ", "))
  assert(sizes[1] == 50 and sizes[3] == 20)

  -- Left early: `each` closes the query at once in Lua 5.4, and what was fetched ahead is given up. Elsewhere, close().
  local query = messages:query({ room = "lua" }, { page_size = 25 })
  for message in query:each() do
    if message.sent == 30 then break end
  end
  query:close()
  local following = assert(messages:query({ room = "lua" }, { cursor = query:cursor() }):first())
  say("each       left at 30, in the middle of a page; the cursor goes on at %d", following.sent)
  assert(following.sent == 31)
end

--- The key says what is read, and so what is paid for; a filter only what is given out of that.
local function filters()
  local liked, _, meta = messages:query({ room = "lua" }, { where = { likes = e.ge(8), author = "ada" } }):all()
  say("where      %d messages given out, %d read", #assert(liked), meta.scanned)
  assert(#liked == 8 and meta.scanned == COUNT)

  local count, _, cost = messages:query({ room = "lua" }, { where = { author = "ada" } }):count()
  say("count      %d by ada; they cost what reading them would (%s units)", assert(count),
    tostring(cost.capacity and cost.capacity.CapacityUnits))
  assert(count == 40)

  local part = assert(messages:query({ room = "lua" }, { attributes = { "text", "address.city" }, limit = 1 }):first())
  say("attributes %s, %s", part.text, part.address.city)
  assert(part.sent == nil and part.address.street == nil)

  -- A text is DynamoDB's own language, with its names and values beside it.
  local texts = assert(messages:query("room = :room AND sent > :sent", {
    where = "#l = :likes OR contains(#t, :part)",
    names = { l = "likes", t = "text" }, values = { room = "lua", sent = 100, likes = 5, part = "20" },
  }):all())
  say("text       %d messages", #texts)
  assert(#texts == 3) -- 105, 115, 120
end

--- An index of other keys. This one has nothing but keys: `hydrate` reads the messages themselves from the table.
local function indexes()
  local stop = db:now() + 30 -- an index gets what is written a moment later
  repeat
    assert(db:now() < stop, "the index takes too long")
  until assert(by_author:query({ author = "ada" }):count()) == COUNT / 3

  local entry = assert(by_author:query({ author = "ada" }, { reverse = true }):first())
  local message = assert(by_author:query({ author = "ada" }, { reverse = true, hydrate = true }):first())
  say("index      ada's latest at %d: %s; hydrated: %s", entry.sent, tostring(entry.text), message.text)
  assert(entry.text == nil and message.text == "message 120")
end

--- A page for somebody who comes back with its cursor. It has `limit` items, whatever the filter leaves out.
local function pages()
  local cursor, pages_read, first = nil, 0, nil
  repeat
    local page = assert(messages:query({ room = "lua" }, { where = { author = "ada" }, limit = 15 }):page(cursor))
    pages_read, cursor = pages_read + 1, page.cursor
    first = first or cursor
    say("page       %d items, %s", #page.items, cursor and ("cursor %s…"):format(cursor:sub(1, 12)) or "the last page")
  until not cursor
  assert(pages_read == 3)

  local _, err = messages:query({ room = "elsewhere" }):page(first)
  say("page       with a cursor of another room: %s", err.code)
  assert(err:is "InvalidCursor")
end

--- Whatever interrupts reading, the error's cursor says where to go on: nothing is lost, nothing comes twice.
local function interruptions()
  local seen, interrupted, cursor = 0, 0, nil
  repeat
    local stop = db:now() + 0.2
    local query = messages:query({ room = "lua" }, { page_size = 20, cursor = cursor, deadline = stop })
    local message, err = query:next()
    while message do
      seen = seen + 1
      assert(message.sent == seen)
      if seen % 50 == 0 then
        while db:now() < stop do end -- something else takes longer than there is time
      end
      message, err = query:next()
    end
    if err then
      interrupted, cursor = interrupted + 1, err.cursor
      say("resume     after message %d: %s", seen, err.code)
    end
  until not err
  assert(seen == COUNT and interrupted >= 2)

  -- A loop raises the same error; a number of requests can be a limit too.
  local query = messages:query({ room = "lua" }, { page_size = 20, max_pages = 2 })
  local some = 0
  for _ in query do some = some + 1 end
  say("max_pages  2: %d items, and %s", some, query:cursor() and "a cursor to go on" or "no more")
  assert(some == 40 and query:cursor())

  local ok, message = pcall(messages.query, messages, { room = "lua", likes = 5 })
  say("mistakes   raise: %s", tostring(message):gsub("^.-:%d+: ", ""))
  assert(not ok)
end

-- The table is dropped however it ends.
assert(db:create_table(spec))
local ok, problem = pcall(function()
  write_messages()
  iterate()
  filters()
  indexes()
  pages()
  interruptions()
end)
local dropped, err = db:delete_table(spec.name)
db:close()
if not ok or not dropped then
  io.stderr:write("the example failed: ", tostring(ok and err or problem), "\n")
  os.exit(1)
end
