namespace Btx.Server.Doors;

/// <summary>The id of a request, in its answer and in the log: the client's own one where it is short and plain, else a new one.</summary>
internal static class RequestId
{
    public const string Header = "x-request-id";
    private const int Longest = 128;

    public static void UseRequestIds(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        var sent = http.Request.Headers[Header];
        http.TraceIdentifier = sent is [{ Length: > 0 and <= Longest } id]
            && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            ? id
            : Guid.NewGuid().ToString("N");
        http.Response.Headers[Header] = http.TraceIdentifier;
        return next(http);
    });
}
