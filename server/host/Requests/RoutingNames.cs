namespace Btx.Server.Requests;

/// <summary>The names of the wire's routing values as flags, model ids and messages spell them: <c>TopK</c> is <c>top_k</c>.</summary>
internal static class RoutingNames
{
    public static string Of<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>All names; the wire's first value, "unspecified", has none.</summary>
    public static IEnumerable<string> All<T>() where T : struct, Enum => Enum.GetValues<T>().Skip(1).Select(Of);

    /// <summary>The value of that name; null: there is none.</summary>
    public static T? Find<T>(string name) where T : struct, Enum =>
        All<T>().Contains(name) ? Enum.GetValues<T>().First(value => Of(value) == name) : null;
}
