--- The API as one function: the same functions of requests, behind a router. Orders are placed elsewhere: what is done
--- once for each key takes the whole event.
local accounts = require "accounts"
local batch = require "batch"
local http = require "dynamodb.lambda.http"
local orders = require "orders"
local users = require "users"
local metrics = require("dynamodb.lambda.metrics").new { namespace = "Shop", dimensions = { service = "api" } }

local router = http.router { cors = { origins = "*", headers = { "content-type", "idempotency-key" }, max_age = 600 } }

router:post("/users", users.functions.create)
router:get("/users/{id}", users.functions.get)
router:patch("/users/{id}", users.functions.update)
router:delete("/users/{id}", users.functions.delete)
router:get("/users/{id}/orders", orders.functions.list)
router:get("/orders/status/{status}", orders.functions.by_status)
router:post("/batch/users", batch.functions.create)
router:post("/batch/lookup", batch.functions.lookup)
router:post("/transfers", accounts.functions.transfer)
router:get("/accounts", accounts.functions.balances)

return { handler = metrics:wrap(router:handler()) }
