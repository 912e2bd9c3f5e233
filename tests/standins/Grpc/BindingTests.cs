using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Runtime.CompilerServices;

namespace Btx.Standins.Tests.Grpc;

/// <summary>Every type and member that the genuine assemblies take from the two vocabulary assemblies is there.</summary>
public sealed class BindingTests
{
    [Theory]
    [InlineData("Grpc.AspNetCore.Server")]
    [InlineData("Grpc.Net.Client")]
    public void Every_reference_resolves(string name)
    {
        var assembly = Assembly.Load(name);
        using var pe = new PEReader(File.OpenRead(assembly.Location));
        var reader = pe.GetMetadataReader();
        var module = assembly.ManifestModule;
        var missing = new List<string>();
        var checkedReferences = 0;
        foreach (var handle in reader.TypeReferences)
        {
            if (!ComesFromVocabulary(reader, handle)) continue;
            checkedReferences++;
            Try(() => module.ResolveType(MetadataTokens.GetToken(handle)));
        }

        foreach (var handle in reader.MemberReferences)
        {
            var member = reader.GetMemberReference(handle);
            if (member.Parent.Kind != HandleKind.TypeReference || !ComesFromVocabulary(reader, (TypeReferenceHandle)member.Parent)) continue;
            checkedReferences++;
            Try(() => module.ResolveMember(MetadataTokens.GetToken(handle)));
        }

        Assert.InRange(checkedReferences, 40, int.MaxValue);
        Assert.Empty(missing);

        void Try(Action resolve)
        {
            try
            {
                resolve();
            }
            catch (Exception e) when (e is MissingMemberException or TypeLoadException or FileNotFoundException)
            {
                missing.Add(e.Message);
            }
        }
    }

    [Theory]
    [InlineData("Grpc.AspNetCore.Server")]
    [InlineData("Grpc.Net.Client")]
    public void Every_type_loads_and_every_method_compiles(string name)
    {
        var failures = new List<string>();
        foreach (var type in Assembly.Load(name).GetTypes())
        {
            const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;
            if (type.ContainsGenericParameters) continue;
            foreach (var method in type.GetMethods(All).Where(method => !method.IsAbstract && !method.ContainsGenericParameters && (method.Attributes & MethodAttributes.PinvokeImpl) == 0))
            {
                try
                {
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
                }
                catch (Exception e) when (e is MissingMemberException or TypeLoadException or FileNotFoundException)
                {
                    failures.Add($"{type}.{method.Name}: {e.Message}");
                }
            }
        }

        Assert.Empty(failures);
    }

    private static bool ComesFromVocabulary(MetadataReader reader, TypeReferenceHandle handle)
    {
        var scope = reader.GetTypeReference(handle).ResolutionScope;
        while (scope.Kind == HandleKind.TypeReference) scope = reader.GetTypeReference((TypeReferenceHandle)scope).ResolutionScope;
        if (scope.Kind != HandleKind.AssemblyReference) return false;
        return reader.GetString(reader.GetAssemblyReference((AssemblyReferenceHandle)scope).Name) is "Grpc.Core.Api" or "Grpc.Net.Common";
    }
}
