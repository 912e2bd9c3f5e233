using System.Net;
using Microsoft.Extensions.Primitives;

namespace Btx.Server.Listeners;

/// <summary>The names that a client may call the server by: a page that makes its own name lead here (DNS rebinding) is refused. An address
/// cannot be rebound, so a listener on every address takes every one.</summary>
internal sealed class AllowedHosts
{
    private readonly List<StringSegment> _names = ["localhost", "*.localhost"];
    private readonly IPAddress[] _listening;

    /// <param name="names">Of <c>--allowed-hosts</c>: <c>api.example.com</c>, <c>*.example.com</c>, or <c>*</c> for any.</param>
    /// <exception cref="BtxException">Some are no names; one line that has them all.</exception>
    public AllowedHosts(IEnumerable<string> names, params IReadOnlyList<ListenAddress> listeners)
    {
        _listening = [.. listeners.Select(listener => listener.EndPoint.Address)];
        var problems = new Problems();
        foreach (var name in names)
        {
            var plain = name.StartsWith("*.", StringComparison.Ordinal) ? name[2..] : name;
            if (plain != "*" && Uri.CheckHostName(plain) == UriHostNameType.Unknown)
                problems.Add($"--allowed-hosts {BtxException.OneLine(name)}: is no host name; expected for example api.example.com or "
                    + "*.example.com, without scheme and port");
            _names.Add(name);
        }

        problems.Throw();
    }

    /// <param name="host">Without its port; empty: the client named none, as no browser does.</param>
    public bool Contains(string host)
    {
        if (host.Length == 0 || HostString.MatchesAny(host, _names)) return true;
        return IPAddress.TryParse(host, out var address) && _listening.Any(own => own.Equals(address) || own.Equals(IPAddress.Any)
            || own.Equals(IPAddress.IPv6Any) || (IPAddress.IsLoopback(own) && IPAddress.IsLoopback(address)));
    }

    /// <summary>Refuses requests by another name.</summary>
    public Task CheckAsync(HttpContext http, RequestDelegate next)
    {
        if (Contains(http.Request.Host.Host ?? "")) return next(http);
        var host = BtxException.OneLine(http.Request.Host.Value!);
        var message = $"this server is not called \"{host}\"; if it is to be, start it with --allowed-hosts";
        return Listener.IsGrpc(http)
            ? RpcStatus.WriteAsync(http, StatusCode.PermissionDenied, message, "host_not_allowed")
            : new OpenAiError(StatusCodes.Status403Forbidden, message, "invalid_request_error", null, "host_not_allowed").WriteAsync(http);
    }
}
