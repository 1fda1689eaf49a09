-- One function for a whole API: which route a request takes, and what browsers of other origins may do.
local core = require "dynamodb.core"
local http = require "dynamodb.lambda.http"
local http_events = require "spec.support.http_events"
local fake_client = require "spec.support.fake_client"

local message_of = fake_client.message_of

local function go(router, method, path, source, headers)
  local event = http_events.new(source or "http", { method = method, path = path, headers = headers or {} })
  local answer = router:handler()(event, {})
  local body = answer.body ~= "" and core.json_decode(answer.body) or nil
  return answer.statusCode, body, http_events.headers(answer)
end

-- A function that says which it is, and its parameters.
local function named(name)
  return function(request) return { name = name, params = request.params } end
end

describe("a router", function()
  local router = http.router()
  router:get("/users", named "list"):post("/users", named "create")
  router:get("/users/{id}", named "get"):put("/users/{id}", named "put")
  router:patch("/users/{id}", named "patch"):delete("/users/{id}", named "delete")
  router:get("/users/me", named "me")
  router:get("/files/{path+}", named "file")
  router:get("/users/{id}/orders/{order}", named "order")
  router:route("*", "/any", named "any")

  local function taken(method, path, source)
    local status, body = go(router, method, path, source)
    return status == 200 and body.name or status, status == 200 and body.params or nil
  end

  it("calls the function of a method and a path", function()
    local cases = {
      { "GET", "/users", "list" }, { "POST", "/users", "create" }, { "GET", "/users/7", "get" },
      { "PUT", "/users/7", "put" }, { "PATCH", "/users/7", "patch" }, { "DELETE", "/users/7", "delete" },
      { "GET", "/users/", "list" }, { "DELETE", "/any", "any" }, { "GET", "/any", "any" },
    }
    for _, case in ipairs(cases) do assert.equal(case[3], (taken(case[1], case[2]))) end
  end)

  it("gives the parameters, decoded, from every source", function()
    for _, source in ipairs(http_events.sources) do
      local name, params = taken("GET", "/users/a b/orders/ü%", source)
      assert.equal("order", name)
      assert.same({ id = "a b", order = "ü%" }, params)
    end
  end)

  it("prefers literal parts, in whatever order they were added", function()
    assert.equal("me", (taken("GET", "/users/me")))
    assert.equal("put", (taken("PUT", "/users/me")))
  end)

  it("prefers the method itself to any method, HEAD's GET among them, in whatever order they were added", function()
    local mixed = http.router()
    mixed:route("*", "/{rest+}", named "rest"):route("*", "/a", named "any"):get("/a", named "get")
    mixed:get("/b", named "get"):route("HEAD", "/b", function() return http.response(299) end)
    mixed:get("/c", function() return http.response(298) end)
    assert.equal("get", (select(2, go(mixed, "GET", "/a"))).name)
    assert.equal("any", (select(2, go(mixed, "PUT", "/a"))).name)
    assert.equal("rest", (select(2, go(mixed, "PUT", "/b"))).name)
    assert.same({ 299, 298 }, { (go(mixed, "HEAD", "/b")), (go(mixed, "HEAD", "/c")) })
  end)

  it("gives the rest of a path to a greedy parameter, which is not empty", function()
    assert.same({ path = "a/b/c.txt" }, (select(2, taken("GET", "/files/a/b/c.txt"))))
    assert.equal(404, (taken("GET", "/files")))
  end)

  it("keeps an encoded slash inside of its parameter", function()
    local event = http_events.new("rest", { path = "/users/x" })
    event.path = "/users/a%2Fb"
    assert.same({ id = "a/b" }, core.json_decode(router:handler()(event, {}).body).params)
  end)

  it("answers 404 where there is no path, and 405 with the methods where there is", function()
    assert.equal(404, (taken("GET", "/nobody")))
    assert.equal(404, (taken("GET", "/users/1/orders")))
    local status, body, headers = go(router, "DELETE", "/users")
    assert.same({ 405, "Method not allowed", "GET, HEAD, POST" }, { status, body.error, headers.allow })
  end)

  it("answers HEAD as GET, without a body", function()
    local status, body, headers = go(router, "HEAD", "/users/7")
    assert.same({ 200, "application/json" }, { status, headers["content-type"] })
    assert.is_nil(body)
  end)

  it("has all its paths behind a prefix", function()
    local versioned = http.router { prefix = "/v1/" }
    versioned:get("/", named "root"):get("/users/{id}", named "get")
    assert.equal("get", (select(2, go(versioned, "GET", "/v1/users/1"))).name)
    assert.equal("root", (select(2, go(versioned, "GET", "/v1"))).name)
    assert.equal(404, (go(versioned, "GET", "/users/1")))
  end)

  it("refuses paths that it cannot have", function()
    local function message(path, method) return message_of(router.route, router, method or "GET", path, print) end
    assert.matches("must begin with /", message "users", 1, true)
    assert.matches("is no part of a path", message "/users/x{id}", 1, true)
    assert.matches("is no part of a path", message "/users/{id", 1, true)
    assert.matches("must be the last part", message "/{a+}/b", 1, true)
    assert.matches("has {a} twice", message "/{a}/{a}", 1, true)
    assert.matches("has a function already", message "/users/{name}", 1, true)
    assert.matches("function of a route must be a function", message_of(router.get, router, "/x"), 1, true)
  end)
end)

describe("cors", function()
  local function router_with(cors)
    local router = http.router { cors = cors }
    router:get("/users", named "list"):post("/users", named "create")
    return router
  end
  local preflight = {
    { "Origin", "https://a.example" }, { "Access-Control-Request-Method", "POST" },
    { "Access-Control-Request-Headers", "content-type" },
  }
  local from = { { "Origin", "https://a.example" } }

  it("answers what a browser asks before a request", function()
    for _, source in ipairs(http_events.sources) do
      local router = router_with { origins = "*", max_age = 600 }
      local status, _, headers = go(router, "OPTIONS", "/users", source, preflight)
      assert.same({ 204, "*", "GET, HEAD, POST", "content-type", "600" }, {
        status, headers["access-control-allow-origin"], headers["access-control-allow-methods"],
        headers["access-control-allow-headers"], headers["access-control-max-age"],
      })
    end
  end)

  it("marks responses, failures too", function()
    local router = router_with { origins = { "https://a.example" }, credentials = true, expose = { "x-n" } }
    for path, expected in pairs { ["/users"] = 200, ["/none"] = 404 } do
      local status, _, headers = go(router, "GET", path, "rest", from)
      assert.same({ expected, "https://a.example", "true", "x-n", "Origin" }, {
        status, headers["access-control-allow-origin"], headers["access-control-allow-credentials"],
        headers["access-control-expose-headers"], headers.vary,
      })
    end
  end)

  it("marks the refusal of a request that cannot be read, which its preflight lets through", function()
    local handler = router_with({ origins = "*" }):handler()
    for name, value in pairs { rawQueryString = "q=%FF", body = "%" } do
      local event = http_events.new("url", { method = "POST", path = "/users", headers = from, base64 = true })
      event[name] = value
      local answer = handler(event, {})
      assert.same({ 400, "*" }, { answer.statusCode, http_events.headers(answer)["access-control-allow-origin"] })
    end
    local event = http_events.new("url", { method = "OPTIONS", path = "/users", headers = preflight })
    event.rawQueryString = "q=%FF"
    assert.equal(204, handler(event, {}).statusCode)
  end)

  it("does not let other origins in", function()
    local router = router_with { origins = { "https://b.example" } }
    for _, method in ipairs { "GET", "OPTIONS" } do
      local _, _, headers = go(router, method, "/users", "http", preflight)
      assert.is_nil(headers["access-control-allow-origin"])
      assert.is_nil(headers["access-control-allow-methods"])
      assert.equal("Origin", headers.vary)
    end
  end)

  it("leaves a response alone that the program gives again and again", function()
    local router = http.router { cors = { origins = { "https://a.example" } } }
    local always = http.json(200, { 1 }, { vary = { "Accept" } })
    router:get("/", function() return always end)
    go(router, "HEAD", "/", "http", from)
    local _, body, headers = go(router, "GET", "/", "http", { { "Origin", "https://evil.example" } })
    assert.same({ 1 }, body)
    assert.is_nil(headers["access-control-allow-origin"])
    assert.equal("Accept, Origin", headers.vary)
  end)

  it("needs a list of origins for credentials", function()
    assert.matches("credentials need a list", message_of(http.router, { cors = { origins = "*", credentials = true } }))
    assert.matches("cors.origins must be", message_of(http.router, { cors = {} }), 1, true)
  end)

  it("refuses what would let nobody in, or says nothing", function()
    local function message(options)
      options.origins = options.origins or "*"
      return message_of(http.router, { cors = options })
    end
    for _, origin in ipairs { "*", "a.example", "https://a.example/", 7 } do
      assert.matches("is no origin", message { origins = { origin } })
    end
    assert.matches("cors.max_age must be", message { max_age = 1.5 }, 1, true)
    assert.matches("cors.credentials must be", message { origins = { "null" }, credentials = "yes" }, 1, true)
    assert.matches("each of cors.headers", message { headers = { {} } }, 1, true)
  end)

  it("is not there when nobody asked for it", function()
    local _, _, headers = go(router_with(nil), "GET", "/users", "http", from)
    assert.is_nil(headers["access-control-allow-origin"])
    assert.is_nil(headers.vary)
    assert.equal(405, (go(router_with(nil), "OPTIONS", "/users", "http", preflight)))
  end)
end)
