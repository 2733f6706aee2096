"""Render one scene with Blender's Cycles: a script for an interpreter that has `bpy`.

    python scene.py FOLDER

FOLDER holds scene.json (settings) and scene.npz (arrays); picture.npy is written there: (H, W, 4) float32,
linear colours times alpha, then alpha, the first row on top. Nothing of deepmatte is imported, for the
interpreter may be another one than deepmatte's. Space has x to the right, y away from the viewer, z upwards;
the picture shows from −0.5 to 0.5 of x and z where y is 0.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FROM_VIEWER = 2.6


def main(folder: Path) -> None:
    """Render the scene in a folder."""
    import bpy

    settings = json.loads((folder / "scene.json").read_text("utf-8"))
    arrays = np.load(folder / "scene.npz", allow_pickle=False)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    carrier = bpy.data.objects.new("carrier", None)
    scene.collection.objects.link(carrier)
    for number, mesh in enumerate(settings["meshes"]):
        add_mesh(bpy, carrier, mesh, arrays[f"vertices{number}"], arrays[f"faces{number}"])
    if "strands" in arrays:
        add_strands(bpy, carrier, settings["hair"], arrays)
    add_world(bpy, settings["world"], arrays["room"])
    for lamp in settings["lamps"]:
        add_lamp(bpy, lamp)
    add_camera(bpy, settings["camera"])
    if settings["motion"]:
        move(scene, carrier, settings["motion"])
    set_film(scene, settings, folder)
    bpy.ops.render.render(write_still=True)
    picture = read_picture(bpy, folder / "picture.exr")
    if settings["alpha_samples"]:
        cover(bpy, scene, settings)
        bpy.ops.render.render(write_still=True)
        picture[..., 3] = read_picture(bpy, folder / "picture.exr")[..., 3]
    np.save(folder / "picture.npy", picture)


def add_mesh(bpy: Any, carrier: Any, mesh: dict[str, Any], vertices: Any, faces: Any) -> None:
    """Add a mesh. vertices: (V, 3); faces: (F, 4); mesh: its material, and how it is rounded off."""
    data = bpy.data.meshes.new("mesh")
    data.from_pydata(vertices.tolist(), [], [list(dict.fromkeys(face)) for face in faces.tolist()])
    data.validate()
    body = bpy.data.objects.new("mesh", data)
    bpy.context.scene.collection.objects.link(body)
    body.parent = carrier
    if mesh["remesh"]:
        remesh = body.modifiers.new("remesh", "REMESH")
        remesh.mode, remesh.voxel_size, remesh.use_smooth_shade = "VOXEL", mesh["remesh"], True
        smooth = body.modifiers.new("smooth", "SMOOTH")
        smooth.iterations, smooth.factor = 12, 0.5
    else:
        weld = body.modifiers.new("weld", "WELD")
        weld.merge_threshold = 1e-4
    data.shade_smooth() if mesh["is_smooth"] else data.shade_flat()
    data.materials.append(surface(bpy, mesh["material"]))


def surface(bpy: Any, look: dict[str, Any]) -> Any:
    """Return a material. look: names and values of the inputs of Blender's principled shader."""
    material = bpy.data.materials.new("surface")
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    for name, value in look.items():
        shader.inputs[name].default_value = value
    return material


def add_strands(bpy: Any, carrier: Any, hair: dict[str, Any], arrays: Any) -> None:
    """Add strands: (N, K, 3), their radii (N, K) and colours (N, 3)."""
    places, radii = arrays["strands"], arrays["radii"]
    count, nodes = places.shape[:2]
    data = bpy.data.hair_curves.new("strands")
    data.add_curves([nodes] * count)
    data.position_data.foreach_set("vector", np.ascontiguousarray(places, np.float32).ravel())
    attribute = data.attributes.get("radius") or data.attributes.new("radius", "FLOAT", "POINT")
    attribute.data.foreach_set("value", np.ascontiguousarray(radii, np.float32).ravel())
    tint = data.attributes.new("tint", "FLOAT_COLOR", "CURVE")
    rgba = np.concatenate([arrays["tints"], np.ones((count, 1))], axis=1)
    tint.data.foreach_set("color", np.ascontiguousarray(rgba, np.float32).ravel())
    material = bpy.data.materials.new("hair")
    material.use_nodes = True
    nodes_of, links = material.node_tree.nodes, material.node_tree.links
    nodes_of.clear()
    output = nodes_of.new("ShaderNodeOutputMaterial")
    shader = nodes_of.new("ShaderNodeBsdfHairPrincipled")
    shader.parametrization = "COLOR"
    for name, value in hair.items():
        shader.inputs[name].default_value = value
    source = nodes_of.new("ShaderNodeAttribute")
    source.attribute_name = "tint"
    links.new(source.outputs["Color"], shader.inputs["Color"])
    links.new(shader.outputs[0], output.inputs["Surface"])
    data.materials.append(material)
    body = bpy.data.objects.new("strands", data)
    bpy.context.scene.collection.objects.link(body)
    body.parent = carrier


def add_world(bpy: Any, world: dict[str, Any], room: Any) -> None:
    """Surround the scene with a picture of a room: (H, W, 3) linear, all around, the first row on top."""
    height, width = room.shape[:2]
    image = bpy.data.images.new("room", width, height, float_buffer=True)
    image.colorspace_settings.name = "Linear Rec.709"
    rgba = np.concatenate([room[::-1], np.ones((height, width, 1))], axis=2)
    image.pixels.foreach_set(np.ascontiguousarray(rgba, np.float32).ravel())
    scene_world = bpy.data.worlds.new("world")
    bpy.context.scene.world = scene_world
    scene_world.use_nodes = True
    nodes, links = scene_world.node_tree.nodes, scene_world.node_tree.links
    source = nodes.new("ShaderNodeTexEnvironment")
    source.image = image
    links.new(source.outputs["Color"], nodes["Background"].inputs["Color"])
    nodes["Background"].inputs["Strength"].default_value = world["strength"]


def add_lamp(bpy: Any, lamp: dict[str, Any]) -> None:
    """Add a square lamp that looks at the middle."""
    from mathutils import Vector

    data = bpy.data.lights.new("lamp", "AREA")
    data.energy, data.color, data.size = lamp["energy"], lamp["colour"], lamp["size"]
    body = bpy.data.objects.new("lamp", data)
    body.location = lamp["place"]
    body.rotation_euler = (-Vector(lamp["place"])).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(body)


def add_camera(bpy: Any, camera: dict[str, Any]) -> None:
    """Add the camera: it looks along y."""
    data = bpy.data.cameras.new("camera")
    data.sensor_width, data.sensor_fit = 36.0, "HORIZONTAL"
    data.lens = 36.0 * FROM_VIEWER
    if camera["blur"]:
        data.dof.use_dof = True
        data.dof.focus_distance = FROM_VIEWER + camera["focus"]
        data.dof.aperture_fstop = data.lens / 1000 / camera["blur"]
    body = bpy.data.objects.new("camera", data)
    body.location = (0.0, -FROM_VIEWER, 0.0)
    body.rotation_euler = (np.pi / 2, 0.0, 0.0)
    scene = bpy.context.scene
    scene.collection.objects.link(body)
    scene.camera = body


def move(scene: Any, carrier: Any, motion: dict[str, Any]) -> None:
    """Let all that is carried move and turn evenly while the shutter is open."""
    for frame, sign in ((0, -1.0), (2, 1.0)):
        carrier.location = [sign * part for part in motion["way"]]
        carrier.rotation_euler = (0.0, sign * motion["turn"], 0.0)
        carrier.keyframe_insert("location", frame=frame)
        carrier.keyframe_insert("rotation_euler", frame=frame)
    scene.render.use_motion_blur = True
    scene.render.motion_blur_shutter = 1.0
    scene.frame_set(1)


def set_film(scene: Any, settings: dict[str, Any], folder: Path) -> None:
    """Set what all renderings have in common: one thread, nothing behind, linear colours."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.cycles.samples, scene.cycles.seed = settings["samples"], settings["seed"]
    scene.cycles.use_adaptive_sampling = False
    # Colours only, and only where alpha is rendered by itself: the denoiser leaves alpha as it is.
    scene.cycles.use_denoising = bool(settings["alpha_samples"])
    scene.cycles.sample_clamp_indirect = 4.0
    scene.render.film_transparent = scene.cycles.film_transparent_glass = True
    scene.cycles.film_transparent_roughness = 0.2
    scene.cycles.max_bounces = settings["bounces"]
    scene.cycles.transmission_bounces = scene.cycles.transparent_max_bounces = settings["bounces"]
    scene.render.resolution_x = scene.render.resolution_y = settings["side"]
    scene.render.resolution_percentage = 100
    picture = scene.render.image_settings
    picture.file_format, picture.color_mode, picture.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.render.filepath = str(folder / "picture.exr")


def cover(bpy: Any, scene: Any, settings: dict[str, Any]) -> None:
    """Let all be of one colour that needs no light, so that what is covered can be sampled often."""
    material = bpy.data.materials.new("cover")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    output, shader = nodes.new("ShaderNodeOutputMaterial"), nodes.new("ShaderNodeEmission")
    links.new(shader.outputs[0], output.inputs["Surface"])
    scene.view_layers[0].material_override = material
    scene.cycles.samples, scene.cycles.max_bounces = settings["alpha_samples"], 0
    scene.cycles.use_denoising = False


def read_picture(bpy: Any, path: Path) -> Any:
    """Return what was rendered: (H, W, 4) float32, the first row on top."""
    image = bpy.data.images.load(str(path))  # a new one, for what was loaded before is kept
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return np.ascontiguousarray(pixels.reshape(height, width, 4)[::-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
