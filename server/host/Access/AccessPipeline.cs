using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Extensions.Options;

namespace Btx.Server.Access;

/// <summary>ASP.NET Core's authentication and authorization, in front of every route of all listeners.</summary>
internal static class AccessPipeline
{
    public static IServiceCollection AddAccess(this IServiceCollection services, AccessOptions options, AllowedHosts hosts)
    {
        services.AddSingleton(options)
            .AddSingleton(hosts)
            .AddSingleton(services => new KeyRing(options, services.GetRequiredService<ILogger<KeyRing>>()))
            .AddSingleton<AccessControl>()
            .AddSingleton<AuditLog>()
            .AddSingleton<CrossSite>()
            .AddSingleton<LongCalls>()
            .AddSingleton<Quotas>()
            .AddScoped<Caller>()
            .AddSingleton<IAuthorizationHandler, ScopeHandler>()
            .AddSingleton<IAuthorizationMiddlewareResultHandler, RefusalHandler>();
        services.AddAuthenticationCore(schemes => schemes.DefaultScheme = KeyHandler.Name).AddSingleton(UrlEncoder.Default);
        new AuthenticationBuilder(services).AddScheme<AuthenticationSchemeOptions, KeyHandler>(KeyHandler.Name,
            scheme => scheme.ForwardDefaultSelector = http =>
                http.RequestServices.GetRequiredService<AccessControl>().IsWebToken(http.Request.Headers)
                    ? JwtBearerDefaults.AuthenticationScheme : null);
        if (options.Tokens.IsGiven) options.Tokens.AddTo(services);
        services.AddAuthorizationBuilder().SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser()
            .RequireAssertion(context => context.Resource is HttpContext http && http.GetEndpoint() is not RouteEndpoint).Build());
        return services;
    }

    /// <summary>After routing. An endpoint that names no scope is refused to everybody; who is known is told of a path that is
    /// none.</summary>
    public static void UseAccess(this WebApplication app)
    {
        app.Use(app.Services.GetRequiredService<AuditLog>().RecordAsync);
        app.UseAuthentication();
        app.UseAuthorization();
        app.Use(app.Services.GetRequiredService<CrossSite>().RefuseAsync);
        app.Use(app.Services.GetRequiredService<LongCalls>().FollowAsync);
    }
}

/// <summary>Knows callers by their keys.</summary>
internal sealed class KeyHandler(AccessControl control, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory log,
    UrlEncoder encoder) : AuthenticationHandler<AuthenticationSchemeOptions>(options, log, encoder)
{
    public const string Name = "Key";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(control.Authenticate(Request.Headers));
}

/// <summary>Says in the form of each protocol why a call is refused.</summary>
internal sealed class RefusalHandler(AccessControl control) : IAuthorizationMiddlewareResultHandler
{
    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy,
        PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
        {
            await next(context);
            return;
        }

        var failure = (await context.AuthenticateAsync()).Failure?.Message; // found once for each request
        await control.Refuse(context.Request.Headers, context.User, NeedsAttribute.Of(context), failure).WriteAsync(context);
    }
}
