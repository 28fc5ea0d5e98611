"""nginx: as the models' upstream, as a plain proxy, and with Lua doing what our gateway does."""

import subprocess
from pathlib import Path

from benchmarks.gateway.load import SECRET
from benchmarks.gateway.ours import AMPLE, addresses

MODULES = Path("/usr/lib/nginx/modules")
LUA = (MODULES / "ndk_http_module.so", MODULES / "ngx_http_lua_module.so")
_TUNED = "keepalive_requests 100000000;"

# Keys by table look-up, a token bucket in shared memory, smooth weighted round robin, and a JSON record: as an engineer would
# write it, with everything that can be worked out beforehand in tables.
_LUA = """
lua_shared_dict limits 10m;
init_by_lua_block {
  require "resty.core"
  keys = {["%(secret)s"] = "k1"}
  models = {%(models)s}
  turns = {}
  do
    local weights, current = {80, 20}, {0, 0}
    for turn = 1, 5 do
      local best = 1
      for each = 1, 2 do
        current[each] = current[each] + weights[each]
        if current[each] > current[best] then best = each end
      end
      current[best] = current[best] - 100
      turns[turn] = "v" .. best
    end
  end
  next_turn = 0
  rate, burst = %(limit)d, %(limit)d
}
"""
_ACCESS = """
set $consumer ""; set $chosen "";
access_by_lua_block {
  local consumer = keys[ngx.var.http_x_api_key or ""]
  if not consumer then return ngx.exit(401) end
  local m = ngx.re.match(ngx.var.uri, "^/([^/]+/[^/]+)/", "jo")
  local model = m and models[m[1]]
  if not model then return ngx.exit(404) end
  local limits = ngx.shared.limits
  local name = consumer .. m[1]
  local now = ngx.now()
  local tokens, last = limits:get(name), limits:get(name .. "@") or now
  tokens = math.min(burst, (tokens or burst) + (now - last) * rate) - 1
  if tokens < 0 then ngx.header["Retry-After"] = 1 return ngx.exit(429) end
  limits:set(name, tokens) limits:set(name .. "@", now)
  next_turn = next_turn %% 5 + 1
  ngx.var.consumer = consumer
  ngx.var.chosen = turns[next_turn]
}
"""
_RECORD = (
    'log_format record escape=json \'{"time":"$msec","id":"$request_id","path":"$uri","consumer":"$consumer",'
    '"version":"$chosen","status":$status,"seconds":$request_time,"in":$request_length,"out":$bytes_sent}\';\n'
)


def run_nginx(folder: Path, name: str, http: str, modules: tuple[Path, ...] = ()) -> subprocess.Popen[bytes]:
    """A one-worker nginx with everything it writes inside `folder`."""
    home = folder / name
    (home / "logs").mkdir(parents=True)
    (home / "nginx.conf").write_text(
        "".join(f"load_module {each};\n" for each in modules)
        + f"worker_processes 1; daemon off; master_process off; pid {home}/pid; error_log {home}/error.log error;\n"
        "worker_rlimit_nofile 65536; events { worker_connections 60000; }\n"
        f"http {{ {_TUNED} client_body_temp_path {home}/body; "
        f"proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n"
        f"{http}\n}}\n"
    )
    command = ["nginx", "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_upstream(folder: Path, ports: tuple[int, int]) -> subprocess.Popen[bytes]:
    """What stands for two model versions: short JSON answers."""
    blocks = "".join(
        f"server {{ listen 127.0.0.1:{port} backlog=4096; default_type application/json; "
        f'location / {{ return 200 \'{{"label":7,"score":0.98}}\'; }} }}\n'
        for port in ports
    )
    return run_nginx(folder, "upstream", "access_log off;\n" + blocks)


def start_plain(folder: Path, port: int, upstream: tuple[int, int]) -> list[subprocess.Popen[bytes]]:
    """Plain proxying with weights and kept-alive upstream connections; no record."""
    http = (
        f"access_log off; upstream models {{ server 127.0.0.1:{upstream[0]} weight=80; server 127.0.0.1:{upstream[1]} weight=20; "
        f"keepalive 256; {_TUNED} }}\n"
        f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://models; "
        "proxy_http_version 1.1; proxy_set_header Connection ''; } }"
    )
    return [run_nginx(folder, "nginx", http)]


def start_lua(
    folder: Path, port: int, upstream: tuple[int, int], *, models: int, limit: int = AMPLE
) -> list[subprocess.Popen[bytes]]:
    """Key check, model look-up, token bucket, weighted split and a JSON record in Lua."""
    names = ["bench/digits", *("/".join(path.split("/")[1:3]) for path in addresses(models))]
    tables = ",".join(f'["{name}"]=true' for name in names)
    pools = "".join(
        f"upstream v{index + 1} {{ server 127.0.0.1:{each}; keepalive 256; {_TUNED} }}\n"
        for index, each in enumerate(upstream)
    )
    http = (
        _LUA % {"secret": SECRET, "models": tables, "limit": limit}
        + _RECORD
        + f"access_log {folder}/lua-access.log record buffer=64k flush=1s;\n"
        + pools
        + f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ {_ACCESS.replace('%%', '%')} "
        "proxy_pass http://$chosen; proxy_http_version 1.1; proxy_set_header Connection ''; "
        "proxy_set_header X-Request-Id $request_id; proxy_set_header X-API-Key ''; } }"
    )
    return [run_nginx(folder, "nginx-lua", http, LUA)]
