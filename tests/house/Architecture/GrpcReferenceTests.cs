using System.Diagnostics;
using System.Reflection;
using System.Text;
using Google.Protobuf.Reflection;

namespace Btx.House.Tests.Architecture;

/// <summary>docs/grpc.md is made from the comments of the protos. <c>BTX_WRITE_DOCS=1 ./btx test house</c> writes it.</summary>
public sealed class GrpcReferenceTests
{
    private const string Page = "docs/grpc.md";
    private static readonly string[] s_protos = ["btx/v1/inference.proto", "btx/v1/forest.proto"];
    private static readonly Lazy<FileDescriptorProto[]> s_files = new(() => [.. Compiled().File.Where(f => s_protos.Contains(f.Name))
        .OrderBy(f => Array.IndexOf(s_protos, f.Name))]);

    [Fact]
    public void The_page_is_what_the_protos_say()
    {
        var page = GrpcReference.Page(s_files.Value);
        if (Environment.GetEnvironmentVariable("BTX_WRITE_DOCS") == "1") File.WriteAllText(Path.Combine(Repository.Root, Page), page);
        Assert.True(page == Repository.Read(Page), $"{Page} is not what the protos say; write it again: BTX_WRITE_DOCS=1 ./btx test house");
    }

    [Fact]
    public void Every_method_field_and_value_has_a_comment() => Assert.Empty(s_files.Value.SelectMany(GrpcReference.Uncommented));

    private static FileDescriptorSet Compiled()
    {
        string Of(string key) => typeof(GrpcReferenceTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(a => a.Key == key).Value!;
        var file = Path.GetTempFileName();
        try
        {
            using var protoc = Process.Start(new ProcessStartInfo(Of("protoc"), [$"-I{Path.Combine(Repository.Root, "protos")}",
                $"-I{Of("protoc-include")}", "--include_source_info", $"--descriptor_set_out={file}", .. s_protos])
            { RedirectStandardError = true })!;
            var errors = protoc.StandardError.ReadToEnd();
            protoc.WaitForExit();
            Assert.True(protoc.ExitCode == 0, errors);
            return FileDescriptorSet.Parser.ParseFrom(File.ReadAllBytes(file));
        }
        finally
        {
            File.Delete(file);
        }
    }
}

/// <summary>The reference of the gRPC services in Markdown.</summary>
internal static class GrpcReference
{
    // Numbers of fields in descriptor.proto, of which the paths to comments are made.
    private const int Messages = 4, Enums = 5, Services = 6, Fields = 2, Values = 2, Methods = 2;

    public static string Page(IReadOnlyList<FileDescriptorProto> files)
    {
        var page = new StringBuilder("# gRPC reference\n\n"
            + "This page is generated from the comments of [protos/btx/v1](../protos/btx/v1); change them there, and write it again with "
            + "`BTX_WRITE_DOCS=1 ./btx test house`. How a server is used: [guide](guide.md#grpc). The server answers reflection, so "
            + "grpcurl and grpcui find all of this by themselves.\n\n");
        foreach (var file in files)
        {
            foreach (var (i, service) in file.Service.Index())
            {
                page.Append($"## {file.Package}.{service.Name}\n\n{Text(file, Services, i)}\n\n"
                    + "| method | takes | answers | |\n|---|---|---|---|\n");
                foreach (var (m, method) in service.Method.Index())
                    page.Append($"| `{method.Name}` | {Link(method.InputType)} | {(method.ServerStreaming ? "stream of " : "")}"
                        + $"{Link(method.OutputType)} | {Text(file, Services, i, Methods, m)} |\n");
                page.Append('\n');
            }

            foreach (var (i, message) in file.MessageType.Index())
            {
                page.Append($"### {message.Name}\n\n");
                if (Text(file, Messages, i) is { Length: > 0 } text) page.Append($"{text}\n\n");
                if (message.Field.Count == 0) page.Append("Without fields.\n\n");
                if (message.Field.Count == 0) continue;
                page.Append("| field | type | |\n|---|---|---|\n");
                foreach (var (f, field) in message.Field.Index())
                    page.Append($"| `{field.Name}` = {field.Number} | {Type(field, message)} | {Text(file, Messages, i, Fields, f)} |\n");
                page.Append('\n');
            }

            foreach (var (i, kind) in file.EnumType.Index())
            {
                page.Append($"### {kind.Name}\n\n");
                if (Text(file, Enums, i) is { Length: > 0 } text) page.Append($"{text}\n\n");
                page.Append("| value | |\n|---|---|\n");
                foreach (var (v, value) in kind.Value.Index())
                    page.Append($"| `{value.Name}` = {value.Number} | {Text(file, Enums, i, Values, v)} |\n");
                page.Append('\n');
            }
        }

        return page.ToString().TrimEnd() + "\n";
    }

    /// <summary>Names of methods, fields and values that say nothing of themselves.</summary>
    public static IEnumerable<string> Uncommented(FileDescriptorProto file) =>
        file.Service.Index().SelectMany(s => s.Item.Method.Index().Where(m => Text(file, Services, s.Index, Methods, m.Index).Length == 0)
            .Select(m => $"{s.Item.Name}.{m.Item.Name}"))
        .Concat(file.MessageType.Index().SelectMany(m => m.Item.Field.Index()
            .Where(f => Text(file, Messages, m.Index, Fields, f.Index).Length == 0).Select(f => $"{m.Item.Name}.{f.Item.Name}")))
        .Concat(file.EnumType.Index().SelectMany(e => e.Item.Value.Index()
            .Where(v => Text(file, Enums, e.Index, Values, v.Index).Length == 0).Select(v => $"{e.Item.Name}.{v.Item.Name}")));

    /// <summary>The comment before a declaration, in one line.</summary>
    private static string Text(FileDescriptorProto file, params int[] path)
    {
        var comment = file.SourceCodeInfo.Location.FirstOrDefault(at => at.Path.SequenceEqual(path))?.LeadingComments ?? "";
        return string.Join(' ', comment.Split((char[])['\n', ' '], StringSplitOptions.RemoveEmptyEntries))
            .Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
    }

    private static string Type(FieldDescriptorProto field, DescriptorProto message)
    {
        var entry = message.NestedType.FirstOrDefault(n => n.Options?.MapEntry == true && field.TypeName.EndsWith("." + n.Name,
            StringComparison.Ordinal));
        if (entry is not null) return $"map of {Plain(entry.Field[0])} to {Plain(entry.Field[1])}";
        var prefix = field.Label == FieldDescriptorProto.Types.Label.Repeated ? "repeated " : field.Proto3Optional ? "optional "
            : field.HasOneofIndex ? $"one of `{message.OneofDecl[field.OneofIndex].Name}`: " : "";
        return prefix + Plain(field);
    }

    private static string Plain(FieldDescriptorProto field) =>
        field.TypeName.Length > 0 ? Link(field.TypeName) : field.Type.ToString().ToLowerInvariant();

    private static string Link(string type) => type.StartsWith(".btx.v1.", StringComparison.Ordinal)
        ? $"[{type[8..]}](#{type[8..].ToLowerInvariant()})" : type.TrimStart('.');
}
