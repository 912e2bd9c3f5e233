using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;

namespace Btx.Server.Access;

/// <summary>What a caller may do.</summary>
[Flags]
internal enum Scope
{
    None = 0,

    /// <summary>Have text generated and scored.</summary>
    Generate = 1,

    /// <summary>See the metrics, the forest's state and why the server is not well.</summary>
    Observe = 2,

    /// <summary>Change the forest; <see cref="Observe"/> goes with it.</summary>
    Admin = 4,
}

/// <summary>Scopes by their names: <c>generate</c>, <c>observe</c>, <c>admin</c>.</summary>
internal static class Scopes
{
    /// <summary>The type of the claim that holds them, separated by blanks, as in an access token (RFC 9068).</summary>
    public const string Claim = "scope";

    public static IReadOnlyList<string> Names { get; } = [.. All.Select(RoutingNames.Of)];

    private static Scope[] All => [Scope.Generate, Scope.Observe, Scope.Admin];

    public static string Text(this Scope scopes) =>
        scopes == Scope.None ? "none" : string.Join(' ', All.Where(one => scopes.HasFlag(one)).Select(RoutingNames.Of));

    /// <summary>What other programs' tokens have besides is left out.</summary>
    public static Scope Parse(IEnumerable<string> names) =>
        names.SelectMany(name => All.Where(one => RoutingNames.Of(one) == name)).Aggregate(Scope.None, (all, one) => all | one);

    public static Scope Of(ClaimsPrincipal caller)
    {
        var scopes = Parse(caller.FindAll(Claim).SelectMany(claim => claim.Value.Split(' ')));
        return scopes.HasFlag(Scope.Admin) ? scopes | Scope.Observe : scopes;
    }
}

/// <summary>Which scopes an endpoint is for: it takes a caller that has one of them. Each endpoint has this, or is open to all; another is
/// refused to everybody.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class NeedsAttribute(Scope any) : AuthorizeAttribute, IAuthorizationRequirement, IAuthorizationRequirementData
{
    public Scope Any => any;

    /// <summary>The scopes of an endpoint: of its own attribute, not of its class'. None: it is open, or there is no endpoint.</summary>
    public static Scope Of(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<NeedsAttribute>()?.Any ?? Scope.None;

    public IEnumerable<IAuthorizationRequirement> GetRequirements() => [this];
}

/// <summary>Meets a <see cref="NeedsAttribute"/>.</summary>
internal sealed class ScopeHandler : AuthorizationHandler<NeedsAttribute>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, NeedsAttribute requirement)
    {
        if ((Scopes.Of(context.User) & requirement.Any) != Scope.None) context.Succeed(requirement);
        return Task.CompletedTask;
    }
}
