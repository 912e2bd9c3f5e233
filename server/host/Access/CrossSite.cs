namespace Btx.Server.Access;

/// <summary>Refuses what a page of another site has a browser send to whatever changes the forest, over either protocol: a browser may
/// hold what opens the door, a certificate above all, and the page is not to use it.</summary>
internal sealed class CrossSite(AllowedHosts hosts)
{
    /// <summary>Middleware, once it is known what is asked for.</summary>
    public Task RefuseAsync(HttpContext http, RequestDelegate next)
    {
        if (!NeedsAttribute.Of(http).HasFlag(Scope.Admin)) return next(http);
        if (!IsOwn(http.Request.Headers, hosts))
            return Denial.Forbidden("this call came from a page of another site; changes are not taken from there", "origin_not_allowed")
                .WriteAsync(http);
        // Forms and plain text need no leave of the server's; JSON does.
        return Listener.IsGrpc(http) || http.Request.HasJsonContentType() ? next(http)
            : OpenAiError.Invalid("the body's content type is not application/json", status: StatusCodes.Status415UnsupportedMediaType)
                .WriteAsync(http);
    }

    /// <summary>False: a browser says that a page of another site sent this.</summary>
    public static bool IsOwn(IHeaderDictionary headers, AllowedHosts hosts) => headers.Origin.All(origin =>
        Uri.TryCreate(origin, UriKind.Absolute, out var page) && page.Host.Length > 0 && hosts.Contains(page.Host));
}
