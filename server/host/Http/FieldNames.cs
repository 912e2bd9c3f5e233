namespace Btx.Server.Http;

/// <summary>Refusals in the words of the form that the client spoke.</summary>
internal static class FieldNames
{
    /// <summary>A refusal that names the client's own field. Its message begins with the field's name, or does not name it.</summary>
    /// <param name="names">What the rules call a field, and the client; one that begins with a dot is a part of a tool's path.</param>
    public static RequestProblem In(RequestProblem problem, IEnumerable<(string Field, string Name)> names)
    {
        if (problem.Parameter is not { } parameter) return problem;
        var (field, name) = names.FirstOrDefault(one => one.Field[0] == '.'
            ? parameter.StartsWith("tools[", StringComparison.Ordinal) && parameter.Contains(one.Field, StringComparison.Ordinal)
            : parameter.StartsWith(one.Field, StringComparison.Ordinal)
                && (parameter.Length == one.Field.Length || parameter[one.Field.Length] is '.' or '['));
        if (field is null) return problem;
        var named = field[0] == '.' ? parameter.Replace(field, name, StringComparison.Ordinal) : name + parameter[field.Length..];
        if (name is "model" or "routing") return problem with { Parameter = named }; // the message says which option of it
        var (said, own) = field[0] == '.' ? (parameter, named) : (field, name);
        var isSaid = problem.Message.StartsWith(said, StringComparison.Ordinal);
        return problem with { Parameter = named, Message = isSaid ? own + problem.Message[said.Length..] : problem.Message };
    }
}
