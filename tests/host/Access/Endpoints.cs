using Btx.Server.Access;
using Microsoft.AspNetCore.Routing;

namespace Btx.Server.Tests.Access;

/// <summary>What an endpoint of the application says of itself.</summary>
internal static class Endpoints
{
    public static string Path(this RouteEndpoint endpoint) => "/" + endpoint.RoutePattern.RawText!.TrimStart('/');

    /// <summary>The scopes of which one suffices; none: it is open, or forgotten.</summary>
    public static Scope Needed(this RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<NeedsAttribute>()?.Any ?? Scope.None;
}
